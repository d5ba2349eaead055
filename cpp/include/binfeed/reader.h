// Reads the samples at positions of an order into outputs. Combines files, the records that make a sample, and how they
// are decoded.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "binfeed/decode_plan.h"
#include "binfeed/order.h"
#include "binfeed/record_index.h"
#include "binfeed/sample_index.h"

namespace binfeed {

class Reader {
 public:
  Reader(RecordIndex records, Window window, const Program& program, std::string_view instruction_set);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const RecordIndex& records() const { return records_; }
  const SampleIndex& samples() const { return samples_; }

  // Bytes of a file that a sample spans.
  std::int64_t sample_bytes() const { return sample_bytes_; }

  // Bytes of one sample in each output.
  const std::vector<std::size_t>& output_bytes() const { return output_bytes_; }

  // Decodes the samples at positions [position, position + count) of `order` into the rows of `outputs`. Many threads
  // may read at the same time. `between_blocks` is called now and then, and may throw to stop reading.
  void read(
      const Order& order, std::int64_t position, std::int64_t count, std::span<std::byte* const> outputs,
      const std::function<void()>& between_blocks = [] {}) const;

  // Tells the system how the files will be read, by all threads, until the next call. A hint: it never fails.
  void advise(AccessPattern pattern) const noexcept;

  // Makes the system fetch what these positions need, without waiting for it. Does next to nothing if the few samples
  // that it looks at are in memory already. A hint: files that cannot be read are no error.
  void read_ahead(const Order& order, std::int64_t position, std::int64_t count) const;

 private:
  // The records of each sample that are decoded together: those of its window, or of its target.
  struct Part {
    std::int64_t first;  // record of the sample
    std::int64_t size;  // records per sample
    DecodePlan plan;
    std::vector<std::size_t> outputs;  // numbers of those that it fills
  };

  // Bytes of a file.
  struct Range {
    std::size_t file;
    std::uint64_t begin;
    std::uint64_t end;
    auto operator<=>(const Range&) const = default;
  };

  void add_part(bool is_target, const Program& program, std::string_view instruction_set);
  std::int64_t block_positions() const;
  void request(const Order& order, std::int64_t position, std::int64_t count) const;
  bool is_in_memory(const Order& order, std::int64_t position, std::int64_t count) const;
  void append_ranges(Run run, std::vector<Range>& ranges) const;

  RecordIndex records_;
  SampleIndex samples_;
  std::vector<Part> parts_;
  std::vector<std::size_t> output_bytes_;
  std::int64_t sample_bytes_;
};

}  // namespace binfeed
