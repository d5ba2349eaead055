// Numbers of less than a byte, or of a byte and a half, one bit after the other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace binfeed {

enum class Packing : std::uint8_t {
  kNone,
  kLowFirst,   // the first number begins with the lowest bit of the first byte
  kHighFirst,  // with the highest
  kWfdb212,  // pairs of 12-bit numbers in three bytes: low byte, both high halves, low byte (PhysioNet's format 212)
};
inline constexpr std::size_t kPackings = 4;

}  // namespace binfeed
