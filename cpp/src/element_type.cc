#include "binfeed/element_type.h"

#include <string>

#include "binfeed/status.h"

namespace binfeed {

ElementType element_type(std::string_view name) {
  for (std::size_t i = 0; i < kElementTypes; ++i) {
    if (detail::kElementDescriptions[i].name == name) return static_cast<ElementType>(i);
  }
  throw Error(ErrorKind::kArgument, "no element type is called '" + std::string(name) + "'");
}

}  // namespace binfeed
