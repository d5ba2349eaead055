// The types of single values, in records and in outputs.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace binfeed {

static_assert(std::endian::native == std::endian::little, "the loops take the machine's byte order for little-endian");

enum class ElementType : std::uint8_t {
  kBool,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
  kBfloat16,
  // Only in records:
  kInt24,
  kUint24,
  kInt40,
  kUint40,
  kInt48,
  kUint48,
  kInt56,
  kUint56,
  kIbm32,  // IBM System/360 floating point, as in SEG-Y
};
inline constexpr std::size_t kElementTypes = 22;
inline constexpr std::size_t kOutputTypes = 13;  // the first ones

constexpr std::size_t index_of(ElementType type) { return static_cast<std::size_t>(type); }

std::size_t element_bytes(ElementType type);

// NumPy's name, "float32". Throws kArgument for a name that is none.
std::string_view element_name(ElementType type);
ElementType element_type(std::string_view name);

// The type that holds every value of `type` and that outputs may have: itself but for those only found in records.
constexpr ElementType value_type(ElementType type) {
  switch (type) {
    case ElementType::kInt24:
      return ElementType::kInt32;
    case ElementType::kUint24:
      return ElementType::kUint32;
    case ElementType::kInt40:
    case ElementType::kInt48:
    case ElementType::kInt56:
      return ElementType::kInt64;
    case ElementType::kUint40:
    case ElementType::kUint48:
    case ElementType::kUint56:
      return ElementType::kUint64;
    case ElementType::kIbm32:
      return ElementType::kFloat32;
    default:
      return type;
  }
}

// What arithmetic on values of `type` computes in: float32 holds every value of up to 16 bits exactly, the wider
// ones compute in float64.
constexpr ElementType compute_type(ElementType type) {
  switch (type) {
    case ElementType::kBool:
    case ElementType::kInt8:
    case ElementType::kUint8:
    case ElementType::kInt16:
    case ElementType::kUint16:
    case ElementType::kFloat16:
    case ElementType::kFloat32:
    case ElementType::kBfloat16:
    case ElementType::kIbm32:
      return ElementType::kFloat32;
    default:
      return ElementType::kFloat64;
  }
}

}  // namespace binfeed
