// The types of single values, in records and in outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace binfeed {

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
};
inline constexpr std::size_t kElementTypes = 12;

constexpr std::size_t index_of(ElementType type) { return static_cast<std::size_t>(type); }

std::size_t element_bytes(ElementType type);

// NumPy's name, "float32". Throws kArgument for a name that is none.
std::string_view element_name(ElementType type);
ElementType element_type(std::string_view name);

// What arithmetic on values of `type` computes in: float32 holds every value of up to 16 bits exactly, the wider
// ones compute in float64.
constexpr ElementType compute_type(ElementType type) {
  switch (type) {
    case ElementType::kInt32:
    case ElementType::kUint32:
    case ElementType::kInt64:
    case ElementType::kUint64:
    case ElementType::kFloat64:
      return ElementType::kFloat64;
    default:
      return ElementType::kFloat32;
  }
}

}  // namespace binfeed
