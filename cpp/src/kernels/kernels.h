// The interface between the decoder and the SIMD loops: only plain pointers and lengths cross it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "binfeed/element_type.h"
#include "binfeed/elementwise.h"
#include "binfeed/packing.h"
#include "binfeed/permutation.h"

namespace binfeed::kernels {

// A further input of an operation: its values for record r begin at first + r * stride. If it is single, the first of
// them stands for all elements.
struct Other {
  const std::byte* first = nullptr;
  std::size_t stride = 0;
  bool is_single = false;
};

// `records` times `elements` values: record r begins at source + r * source_stride, and its result at target + r *
// target_stride; within a record both are contiguous. Addresses need not be aligned.
struct Block {
  const std::byte* source;
  std::size_t source_stride;
  std::byte* target;
  std::size_t target_stride;
  std::size_t records;
  std::size_t elements;
  bool source_is_single = false;  // only in operations with several inputs
  std::array<Other, 2> others = {};
  // How many of the first records are among those at the start of a file that an operation fills.
  std::size_t filled = 0;
};

// x op a, or (x op a) op b, in the compute type; a and b are one value, or one per element of the record. A quotient is
// a division that is computed with reciprocals, which follow the divisors; plans use it where it gives the same bits.
enum class Arithmetic : std::uint8_t {
  kMultiply,
  kAdd,
  kSubtract,
  kDivide,
  kQuotient,
  kMultiplyAdd,
  kSubtractDivide,
  kSubtractQuotient,
};
inline constexpr std::size_t kArithmetics = 8;

// Types with so few values that all of them can be tried.
constexpr bool has_quotient(ElementType type) {
  return type == ElementType::kInt8 || type == ElementType::kUint8 || type == ElementType::kInt16 ||
         type == ElementType::kUint16;
}

// Parameters of the operations below.
struct BitField {
  std::uint32_t start;
  std::uint32_t width;
  bool is_signed;
};

using Convert = void (*)(const Block&);
// Arithmetic in one of the two compute types, with one operand or one per element.
using FloatArithmetic = void (*)(const Block&, const float* a, const float* b);
using DoubleArithmetic = void (*)(const Block&, const double* a, const double* b);
// The lowest bits of a word are those of a value of the source's value type.
using WithWord = void (*)(const Block&, std::uint64_t a);
using WithWords = void (*)(const Block&, std::uint64_t a, std::uint64_t b);
// Replaces the values of records whose other input is 0 by `words`: one, or one per element of the record.
using Replace = void (*)(const Block&, const std::uint64_t* words, bool is_per_element);
using TakeBits = void (*)(const Block&, BitField field);
using Scale = void (*)(const Block&, double factor);
using Spread = void (*)(const Block&, std::size_t depth);
using SpreadGroups = void (*)(const Block&, std::size_t group, std::size_t depth);
// The edges are words of the source's type.
using FindEdges = void (*)(const Block&, const std::uint64_t* edges, std::size_t count);
// Adds to each value of a record that of the record before; the source is the target.
using Accumulate = void (*)(std::byte* values, std::size_t records, std::size_t elements);
// `offsets` are bytes from the source of a record to each element.
using Gather = void (*)(const Block&, const std::uint32_t* offsets);
using Interleave = void (*)(const Block&, std::size_t planes, std::size_t plane_bytes);
// Copies `row_bytes` bytes of each record, to change the distance between records.
using CopyRows = void (*)(const Block&, std::size_t row_bytes);
using Unpack = void (*)(const Block&, std::size_t bits, Packing packing);
// Each value goes through the network once.
using Feistel = void (*)(std::uint64_t* values, std::size_t count, const FeistelNetwork& network);

// The loops of one arithmetic. Only those of the source's compute type are set.
struct ArithmeticLoops {
  FloatArithmetic in_float;
  DoubleArithmetic in_double;
  DoubleArithmetic in_double_to_float;  // rounded to float32 on the way out
};

// The loops of a sum or difference that is multiplied.
struct ScaledLoops {
  Scale to_compute;  // to the compute type
  Scale to_float;    // rounded to float32 on the way out
};

// The loops of one instruction set. A null pointer stands for a combination that needs more than one pass, or never
// occurs.
struct Kernels {
  // [source][whether the source has the other byte order]
  template <typename Entry>
  using PerSource = std::array<std::array<Entry, 2>, kElementTypes>;

  // [target]: casts values to the target type, see numeric.inc.
  PerSource<std::array<Convert, kOutputTypes>> convert;

  // [arithmetic][whether there is an operand per element]
  PerSource<std::array<std::array<ArithmeticLoops, 2>, kArithmetics>> arithmetic;

  // [function][type]: functions of values in the machine's byte order.
  std::array<std::array<Convert, kOutputTypes>, kFunctions> map;

  // [combination][type of both inputs], and for one int64 and one uint64 [combination][whether the first is uint64].
  std::array<std::array<Convert, kOutputTypes>, kCombinations> combine;
  std::array<std::array<Convert, 2>, kCombinations> combine_mixed;
  // [whether a difference, else a sum][type of both inputs]: (a + b) * factor in the compute type.
  std::array<std::array<ScaledLoops, kOutputTypes>, 2> scaled;
  // [combination]: arithmetic on float64, rounded to float32 on the way out.
  std::array<Convert, kCombinations> combine_to_float;
  // [log2 of the width of a value]
  std::array<Convert, 4> choose;
  std::array<WithWord, 4> fill_first;

  // The results have the value type of the source.
  PerSource<WithWords> clip;       // into [a, b]
  PerSource<WithWords> fill;       // replaces NaN and a by b
  PerSource<WithWord> is_missing;  // whether a value is NaN or a, as bool
  // [log2 of the width of a value]
  std::array<Replace, 4> coalesce;
  // The results are unsigned or signed integers of the width of the source's value type.
  PerSource<TakeBits> bits;

  // [source, in the machine's byte order]: each value becomes `depth` float32.
  std::array<Spread, kOutputTypes> one_hot;
  std::array<SpreadGroups, kOutputTypes> multi_hot;
  // [type]: only of values of 64 bits, and of float32.
  std::array<FindEdges, kOutputTypes> bucketize;
  // [type]: of numbers that have a sum.
  std::array<Accumulate, kOutputTypes> accumulate;

  CopyRows copy_rows;
  // [whether signed]: numbers of up to 8 bits become one byte each, those of up to 16 bits two.
  std::array<Unpack, 2> unpack;

  // [log2 of the width of an element]: makes scattered elements of each record contiguous.
  std::array<Gather, 4> gather;
  // The same for the element order p0[0], p1[0], ..., p0[1], p1[1], ... of `planes` equal planes (channels last).
  std::array<Interleave, 4> interleave;

  Feistel feistel;
};

extern const Kernels kBaseline;
#if defined(__x86_64__)
extern const Kernels kX86_64_v3;
extern const Kernels kX86_64_v4;
#endif

}  // namespace binfeed::kernels
