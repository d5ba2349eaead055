// How rows of sources become rows of outputs: a program, lowered once to few passes over the data.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "binfeed/program.h"

namespace binfeed {

struct Pass;
struct Place;

class DecodePlan {
 public:
  // Plans the outputs of the program whose numbers are listed, and leaves out steps that only other outputs need. Rows
  // of source k have source_bytes[k] bytes; the records of files are the only source.
  // Throws kArgument if a load that they need leaves its row, or if types do not fit together.
  DecodePlan(std::vector<std::size_t> source_bytes, const Program& program, const std::vector<std::size_t>& outputs,
             std::string_view instruction_set);
  ~DecodePlan();
  DecodePlan(DecodePlan&&) noexcept;

  // Bytes per row of each source.
  const std::vector<std::size_t>& source_bytes() const { return source_bytes_; }

  // Bytes per row of each output.
  const std::vector<std::size_t>& row_bytes() const { return row_bytes_; }

  // All loads from source 0 lie within bytes [used_begin, used_end) of its rows.
  std::size_t used_begin() const { return used_begin_; }
  std::size_t used_end() const { return used_end_; }

  // Records to decode at a time, so that values between passes stay in the first-level cache.
  std::size_t block_records() const { return block_records_; }

  // The rows before each that some step looks back at.
  std::size_t history() const { return history_; }

  // An output whose rows are added up within each sample, once they are decoded.
  struct Sum {
    std::size_t output;
    std::size_t elements;  // per row
    void (*accumulate)(std::byte* values, std::size_t rows, std::size_t elements);
  };
  const std::vector<Sum>& sums() const { return sums_; }

  // The passes in the order in which they run, and the places that they read and write.
  const std::vector<Pass>& passes() const { return passes_; }
  const std::vector<Place>& places() const { return places_; }
  const std::vector<std::vector<std::byte>>& constants() const { return constants_; }
  // Bytes of scratch memory for a block.
  std::size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  std::vector<std::size_t> source_bytes_;
  std::vector<std::size_t> row_bytes_;
  std::size_t used_begin_ = 0;
  std::size_t used_end_ = 0;
  std::size_t block_records_ = 1;
  std::size_t history_ = 0;
  std::vector<Sum> sums_;
  std::vector<Pass> passes_;
  std::vector<Place> places_;
  std::vector<std::vector<std::byte>> constants_;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace binfeed
