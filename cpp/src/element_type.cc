#include "binfeed/element_type.h"

#include <array>

#include "binfeed/status.h"

namespace binfeed {
namespace {

struct Description {
  std::string_view name;
  std::size_t bytes;
};

// In the order of the enumeration.
constexpr std::array<Description, kElementTypes> kDescriptions{{
    {"bool", 1},     {"int8", 1},  {"uint8", 1},  {"int16", 2},   {"uint16", 2},  {"int32", 4},
    {"uint32", 4},   {"int64", 8}, {"uint64", 8}, {"float16", 2}, {"float32", 4}, {"float64", 8},
    {"bfloat16", 2}, {"int24", 3}, {"uint24", 3}, {"int40", 5},   {"uint40", 5},  {"int48", 6},
    {"uint48", 6},   {"int56", 7}, {"uint56", 7}, {"ibm32", 4},
}};

}  // namespace

std::size_t element_bytes(ElementType type) { return kDescriptions[index_of(type)].bytes; }

std::string_view element_name(ElementType type) { return kDescriptions[index_of(type)].name; }

ElementType element_type(std::string_view name) {
  for (std::size_t i = 0; i < kElementTypes; ++i) {
    if (kDescriptions[i].name == name) return static_cast<ElementType>(i);
  }
  throw Error(ErrorKind::kArgument, "no element type is called '" + std::string(name) + "'");
}

}  // namespace binfeed
