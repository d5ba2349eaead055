// Which records make a sample: number of a sample among all files -> file and first record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "binfeed/record_index.h"

namespace binfeed {

// A sample is `size` records of one file, `dilation` apart; the next one begins `stride` records later. If it has a
// target, that is `target_size` records, as far apart, from `target_offset` records behind the first one on.
// One record by itself is the window of size 1.
struct Window {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t target_offset = 0;
  std::int64_t target_size = 0;

  // Records from the first one of a sample to behind its last one. Throws kArgument where a number is out of range.
  std::int64_t span() const;
};

class SampleIndex {
 public:
  // Throws kData if no file has as many records as a sample reaches over, kArgument for numbers out of range.
  SampleIndex(const RecordIndex& records, Window window);

  const Window& window() const { return window_; }
  std::int64_t size() const { return starts_.back(); }

  // Number of the first sample of each file, and at the end the number of all samples.
  const std::vector<std::int64_t>& starts() const { return starts_; }

  // Where samples lie: those from `first` to before `end`, one every `stride` bytes of a file.
  struct Stretch {
    std::size_t file = 0;
    std::int64_t first = 0;
    std::int64_t end = 0;
    std::uint64_t offset = 0;  // of the first one
    std::uint64_t stride = 0;

    bool holds(std::int64_t sample) const { return sample >= first && sample < end; }
    std::uint64_t offset_of(std::int64_t sample) const {
      return offset + static_cast<std::uint64_t>(sample - first) * stride;
    }
  };
  // The longest stretch that holds a sample. Throws kIndex where there is no such sample.
  Stretch locate(std::int64_t sample) const;

 private:
  Layout layout_;
  Window window_;
  std::vector<std::int64_t> starts_;
};

}  // namespace binfeed
