// Which records make a sample, and where they lie: from the number of a sample to a file and an offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "binfeed/record_index.h"

namespace binfeed {

// A sample is `size` records of one file, `dilation` records apart; the next sample begins `stride` records later. Its
// target, if it has one, is `target_size` records, `dilation` apart as well, the first of them `target_offset` records
// after the first of the sample. A single record is the window of size 1. There are `history` more records in the file
// before the first one.
struct Window {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t target_offset = 0;
  std::int64_t target_size = 0;
  std::int64_t history = 0;

  // The number of records from the first to the last of a sample, with its history and target. Throws kArgument if a
  // number is out of range.
  std::int64_t span() const;
};

class SampleIndex {
 public:
  // Throws kData if no file has as many records as a window spans, kArgument if a number is out of range.
  SampleIndex(const RecordIndex& records, Window window);

  const Window& window() const { return window_; }
  std::int64_t size() const { return starts_.back(); }

  // The number of each file's first sample, followed by the number of all samples.
  const std::vector<std::int64_t>& starts() const { return starts_; }

  // Where samples [first, end) lie: one every `stride` bytes of a file.
  struct Stretch {
    std::size_t file = 0;
    std::int64_t first = 0;
    std::int64_t end = 0;
    std::uint64_t offset = 0;  // of the first sample, where its history begins
    std::uint64_t stride = 0;

    bool holds(std::int64_t sample) const { return sample >= first && sample < end; }
    std::uint64_t offset_of(std::int64_t sample) const {
      return offset + static_cast<std::uint64_t>(sample - first) * stride;
    }
  };
  // The longest stretch that contains a sample. Throws kIndex if there is no such sample.
  Stretch locate(std::int64_t sample) const;

 private:
  Layout layout_;
  Window window_;
  std::vector<std::int64_t> starts_;
};

}  // namespace binfeed
