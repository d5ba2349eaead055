// How numbers that are not whole bytes, such as 1, 4 or 12 bits, are packed into bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace binfeed {

enum class Packing : std::uint8_t {
  kNone,
  kLowFirst,   // the first number begins with the lowest bit of the first byte
  kHighFirst,  // the first number begins with the highest bit of the first byte
  kWfdb212,  // pairs of 12-bit numbers in three bytes: low byte, both high halves, low byte (PhysioNet's format 212)
};
inline constexpr std::size_t kPackings = 4;

}  // namespace binfeed
