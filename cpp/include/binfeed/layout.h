// The parts of a file: a header, records of one size, a footer. The loads of a program say where fields lie in a
// record.
#pragma once

#include <cstddef>

namespace binfeed {

struct Layout {
  std::size_t record_bytes = 0;
  std::size_t header_bytes = 0;
  std::size_t footer_bytes = 0;
};

}  // namespace binfeed
