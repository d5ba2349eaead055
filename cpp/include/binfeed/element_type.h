// The types of single elements, in records and in outputs.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace binfeed {

static_assert(std::endian::native == std::endian::little, "the loops take the machine's byte order for little-endian");

// The only list of types: X(enumerator, name, bytes in a record, type of the values that it decodes to, type that their
// arithmetic uses, class that reads it, see numeric.inc). The types that outputs may have come first. float32 holds
// every value of up to 16 bits exactly, so these compute in float32; wider integers and float64 compute in float64.
#define BINFEED_ELEMENT_TYPES(X)                                            \
  X(kBool, "bool", 1, kBool, kFloat32, Boolean)                             \
  X(kInt8, "int8", 1, kInt8, kFloat32, Number<std::int8_t>)                 \
  X(kUint8, "uint8", 1, kUint8, kFloat32, Number<std::uint8_t>)             \
  X(kInt16, "int16", 2, kInt16, kFloat32, Number<std::int16_t>)             \
  X(kUint16, "uint16", 2, kUint16, kFloat32, Number<std::uint16_t>)         \
  X(kInt32, "int32", 4, kInt32, kFloat64, Number<std::int32_t>)             \
  X(kUint32, "uint32", 4, kUint32, kFloat64, Number<std::uint32_t>)         \
  X(kInt64, "int64", 8, kInt64, kFloat64, Number<std::int64_t>)             \
  X(kUint64, "uint64", 8, kUint64, kFloat64, Number<std::uint64_t>)         \
  X(kFloat16, "float16", 2, kFloat16, kFloat32, Half)                       \
  X(kFloat32, "float32", 4, kFloat32, kFloat32, Number<float>)              \
  X(kFloat64, "float64", 8, kFloat64, kFloat64, Number<double>)             \
  X(kBfloat16, "bfloat16", 2, kBfloat16, kFloat32, Bfloat)                  \
  /* Only in records: */                                                    \
  X(kInt24, "int24", 3, kInt32, kFloat64, WideInteger<std::int32_t, 3>)     \
  X(kUint24, "uint24", 3, kUint32, kFloat64, WideInteger<std::uint32_t, 3>) \
  X(kInt40, "int40", 5, kInt64, kFloat64, WideInteger<std::int64_t, 5>)     \
  X(kUint40, "uint40", 5, kUint64, kFloat64, WideInteger<std::uint64_t, 5>) \
  X(kInt48, "int48", 6, kInt64, kFloat64, WideInteger<std::int64_t, 6>)     \
  X(kUint48, "uint48", 6, kUint64, kFloat64, WideInteger<std::uint64_t, 6>) \
  X(kInt56, "int56", 7, kInt64, kFloat64, WideInteger<std::int64_t, 7>)     \
  X(kUint56, "uint56", 7, kUint64, kFloat64, WideInteger<std::uint64_t, 7>) \
  /* IBM System/360 floating point, as in SEG-Y: */                         \
  X(kIbm32, "ibm32", 4, kFloat32, kFloat32, Ibm)

enum class ElementType : std::uint8_t {
#define BINFEED_ENUMERATOR(enumerator, ...) enumerator,
  BINFEED_ELEMENT_TYPES(BINFEED_ENUMERATOR)
#undef BINFEED_ENUMERATOR
};

constexpr std::size_t index_of(ElementType type) { return static_cast<std::size_t>(type); }

namespace detail {

struct ElementDescription {
  std::string_view name;
  std::size_t bytes;
  ElementType value;
  ElementType compute;
};

inline constexpr auto kElementDescriptions = std::to_array<ElementDescription>({
#define BINFEED_DESCRIPTION(enumerator, name, bytes, value, compute, ...) \
  {name, bytes, ElementType::value, ElementType::compute},
    BINFEED_ELEMENT_TYPES(BINFEED_DESCRIPTION)
#undef BINFEED_DESCRIPTION
});

}  // namespace detail

inline constexpr std::size_t kElementTypes = detail::kElementDescriptions.size();
inline constexpr std::size_t kOutputTypes = index_of(ElementType::kBfloat16) + 1;

constexpr std::size_t element_bytes(ElementType type) { return detail::kElementDescriptions[index_of(type)].bytes; }

// Such as "float32"; the names are NumPy's where NumPy has the type.
constexpr std::string_view element_name(ElementType type) { return detail::kElementDescriptions[index_of(type)].name; }

// Throws kArgument if no type has this name.
ElementType element_type(std::string_view name);

// The type of outputs that holds every value of `type`: `type` itself, unless it is only found in records.
constexpr ElementType value_type(ElementType type) { return detail::kElementDescriptions[index_of(type)].value; }

// The type that arithmetic on values of `type` uses.
constexpr ElementType compute_type(ElementType type) { return detail::kElementDescriptions[index_of(type)].compute; }

// Types without arithmetic and comparisons of their own: these are done in float32.
constexpr bool is_half(ElementType type) { return type == ElementType::kFloat16 || type == ElementType::kBfloat16; }

constexpr bool is_output_type(ElementType type) { return index_of(type) < kOutputTypes; }

static_assert([] {
  for (std::size_t i = 0; i < kElementTypes; ++i) {
    const auto type = static_cast<ElementType>(i);
    if ((value_type(type) == type) != is_output_type(type) || !is_output_type(value_type(type))) return false;
  }
  return true;
}());

}  // namespace binfeed
