// How records become outputs: the features, worked out once into the fewest passes over the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "binfeed/element_type.h"
#include "binfeed/packing.h"

namespace binfeed {

// One operation on every value of a column, in the compute type of the value that goes in.
struct Operation {
  enum class Code : std::uint8_t {
    kCast,  // to `type`
    kMultiply,
    kAdd,
    kSubtract,
    kDivide,
    kLog1p,
    kClip,       // words: lowest, highest
    kFill,       // words: what stands for a missing value beside NaN, what replaces it
    kIsMissing,  // words: the same; bool comes out
    kBits,       // words: start, width, is signed; an integer of as many bits as go in comes out
    kCodes,      // words: bytes of a key, code of all others, keys (ascending), their codes; int32 comes out
    kOneHot,     // words: depth; comes out as so many float32 for each element
  };
  Code code;
  ElementType type{};
  std::vector<double> operand = {};       // of arithmetic: one number, or one per element
  // Of the others: values in the type that goes in (of halves in float32), their bytes first.
  std::vector<std::uint64_t> words = {};
};
inline constexpr std::size_t kOperationCodes = 12;

// How numbers that are no whole bytes lie in a field.
struct PackingSpec {
  Packing packing{};
  std::size_t bits = 0;  // per number
};

// Some elements of each record, taken through a chain of operations.
struct ColumnSpec {
  ElementType type{};
  PackingSpec packing = {};                 // if any, `type` is what the numbers become,
  std::size_t packed_elements = 0;          // so many are in the field, and offsets are those of the unpacked ones
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
  bool is_target = false;  // of the records of a sample's target, see Window
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
