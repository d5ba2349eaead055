// The line between the decoder and the SIMD loops: only plain pointers and lengths cross it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "binfeed/element_type.h"
#include "binfeed/packing.h"
#include "binfeed/permutation.h"

namespace binfeed::kernels {

// `records` times `elements` values: record r begins at source + r * source_stride and its result at
// target + r * target_stride; within a record both are contiguous. Neither address needs an alignment.
struct Block {
  const std::byte* source;
  std::size_t source_stride;
  std::byte* target;
  std::size_t target_stride;
  std::size_t records;
  std::size_t elements;
};

// x op a, or (x op a) op b, in the compute type; a and b are one value, or one per element of the record. A quotient is
// that of kDivide, worked out with the divisor's reciprocal, which follows the divisors: where that gives the same
// bits.
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

// Types of few enough values that all of them can be tried.
constexpr bool has_quotient(ElementType type) {
  return type == ElementType::kInt8 || type == ElementType::kUint8 || type == ElementType::kInt16 ||
         type == ElementType::kUint16;
}

// What the operations below take beside the values.
struct BitField {
  std::uint32_t start;
  std::uint32_t width;
  bool is_signed;
};
struct Codes {
  const std::uint64_t* keys;  // ascending
  const std::int32_t* codes;
  std::size_t count;
  std::size_t key_bytes;
  std::int32_t otherwise;
};

using Convert = void (*)(const Block&);
// Operands of arithmetic have the compute type of the source, those of clip, fill and is_missing its value type.
using Compute = void (*)(const Block&, const void* a, const void* b);
// `offsets` are bytes from the source of a record to each element.
using Gather = void (*)(const Block&, const std::uint32_t* offsets);
using Interleave = void (*)(const Block&, std::size_t planes, std::size_t plane_bytes);
// Bytes of each record from one distance to another.
using CopyRows = void (*)(const Block&, std::size_t row_bytes);
using Unpack = void (*)(const Block&, std::size_t bits, Packing packing);
// Each value goes through the network once.
using Feistel = void (*)(std::uint64_t* values, std::size_t count, const FeistelNetwork& network);

// One instruction set's loops. A null pointer stands for a combination that a plan reaches in two steps.
struct Kernels {
  template <typename Pointer>
  using PerType = std::array<Pointer, kElementTypes>;

  // [source][source has the other byte order][target]: the value of the source as the target type, see numeric.inc.
  PerType<std::array<std::array<Convert, kOutputTypes>, 2>> convert;

  // [source][other byte order][arithmetic][an operand per element][target is float64, else float32].
  PerType<std::array<std::array<std::array<std::array<Compute, 2>, 2>, kArithmetics>, 2>> compute;

  // [source][other byte order]; what comes out has the value type of the source.
  PerType<std::array<Compute, 2>> clip;        // into [a, b]
  PerType<std::array<Compute, 2>> fill;        // b for NaN and for a
  PerType<std::array<Compute, 2>> is_missing;  // NaN or a: bool
  // `a` is a BitField; what comes out is an unsigned integer of the width of the source's value type, or a signed one
  // of the same bits.
  PerType<std::array<Compute, 2>> bits;

  // [float64, else float32]
  std::array<Compute, 2> log1p;

  CopyRows copy_rows;
  Compute codes;  // `a` is Codes: elements of key_bytes bytes to int32
  // [source, in the machine's byte order]: `a` is the depth, a std::size_t; so many float32 come out.
  std::array<Compute, kOutputTypes> one_hot;
  // [is signed]: numbers of up to 8 bits to one byte each, of up to 16 to two.
  std::array<Unpack, 2> unpack;

  // [log2 of the width of an element]: scattered elements of each record, made contiguous.
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
