// How errors in a stream of COPY are thrown and worded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "binfeed/status.h"

namespace binfeed {

// The parser adds the row and the column.
[[noreturn]] inline void fail_copy(const std::string& message) { throw Error(ErrorKind::kData, message); }

// Such as "1 byte" or "2 bytes".
inline std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

inline std::string counted(std::size_t count, const std::string& what) {
  return counted(static_cast<std::int64_t>(count), what);
}

// Such as "0xd000".
template <typename Unsigned>
std::string hexadecimal(Unsigned number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (std::size_t digit = 2 * sizeof number; digit-- > 0;) text.push_back(kDigits[(number >> (4 * digit)) & 15]);
  return text;
}

}  // namespace binfeed
