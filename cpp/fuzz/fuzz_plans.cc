// Tries any bytes as a plan.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "try_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  binfeed::tests::try_plan({reinterpret_cast<const char*>(bytes), count});
  return 0;
}
