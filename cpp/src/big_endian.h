// Numbers in the byte order of networks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace binfeed {

template <typename Number>
Number load_big_endian(const std::byte* bytes) {
  static_assert(std::endian::native == std::endian::little);
  static_assert(sizeof(Number) == 1 || sizeof(Number) == 2 || sizeof(Number) == 4 || sizeof(Number) == 8);
  using Bits =
      std::conditional_t<sizeof(Number) == 1, std::uint8_t,
                         std::conditional_t<sizeof(Number) == 2, std::uint16_t,
                                            std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>>>;
  Bits bits;
  std::memcpy(&bits, bytes, sizeof bits);
  if constexpr (sizeof bits == 2) bits = __builtin_bswap16(bits);
  if constexpr (sizeof bits == 4) bits = __builtin_bswap32(bits);
  if constexpr (sizeof bits == 8) bits = __builtin_bswap64(bits);
  return std::bit_cast<Number>(bits);
}

}  // namespace binfeed
