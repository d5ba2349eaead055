// How records become outputs: the features, worked out once into the fewest passes over the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "binfeed/element_type.h"

namespace binfeed {

// One operation on every value of a column, in the compute type of the value that goes in.
struct Operation {
  enum class Code : std::uint8_t { kCast, kMultiply, kAdd, kSubtract, kDivide };
  Code code;
  ElementType type{};                // kCast: the type that comes out
  std::vector<double> operand = {};  // else: one number, or one per element
};

// Some elements of each record, taken through a chain of operations.
struct ColumnSpec {
  ElementType type{};
  bool is_swapped = false;                  // the bytes are in the order that this machine has not
  std::uint64_t offset = 0;                 // of the first element within the record
  std::size_t elements = 1;                 // per record
  std::vector<std::uint32_t> offsets = {};  // of each element, from `offset`; empty: they are contiguous
  std::vector<Operation> operations = {};
};

// One array: a row per record, made of the columns side by side. Their operations must all end in `type`.
struct OutputSpec {
  std::string name;  // for messages
  ElementType type{};
  std::vector<ColumnSpec> columns;
};

struct Column;  // a ColumnSpec ready to run, in decoder.cc's terms

class DecodePlan {
 public:
  // Throws kArgument where a column leaves the record, or types do not fit together.
  DecodePlan(std::size_t record_bytes, const std::vector<OutputSpec>& outputs, std::string_view instruction_set);
  ~DecodePlan();
  DecodePlan(DecodePlan&&) noexcept;

  struct Output {
    std::size_t row_bytes = 0;
    std::vector<Column> columns;
  };
  const std::vector<Output>& outputs() const { return outputs_; }
  std::size_t record_bytes() const { return record_bytes_; }

  // The bytes of a record that any column reads: [used_begin, used_end).
  std::size_t used_begin() const { return used_begin_; }
  std::size_t used_end() const { return used_end_; }

  // Records to decode at a time, so that what passes between steps stays in the nearest cache.
  std::size_t block_records() const { return block_records_; }
  // Bytes per record that a step may leave for the next one.
  std::size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  std::size_t record_bytes_;
  std::size_t used_begin_ = 0;
  std::size_t used_end_ = 0;
  std::size_t block_records_ = 1;
  std::size_t scratch_bytes_ = 0;
  std::vector<Output> outputs_;
};

}  // namespace binfeed
