// The bytes of a file: a header, records of one size, a footer. Where the fields of a record lie is the plan's matter.
#pragma once

#include <cstddef>

namespace binfeed {

struct Layout {
  std::size_t record_bytes = 0;
  std::size_t header_bytes = 0;
  std::size_t footer_bytes = 0;
};

}  // namespace binfeed
