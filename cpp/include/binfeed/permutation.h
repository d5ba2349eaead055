// A keyed permutation of 0, 1, ..., size - 1. Each value is computed without computing the others.
//
// A Feistel network permutes the numbers below a power of two: the smallest that is not less than the size, but at
// least 1,024. A result outside the range goes through the network again until it is inside (cycle walking: Black and
// Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). binfeed/reference.py defines every bit of it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace binfeed {

namespace kernels {
struct Kernels;
}

// A value is split into high and low bits, and each round changes one of the two by a hash of the other.
struct FeistelNetwork {
  static constexpr std::size_t kRounds = 8;
  struct Key {
    std::uint32_t first;
    std::uint32_t second;
  };

  std::array<Key, kRounds> keys;
  unsigned low_bits;
  std::uint32_t low_mask;
  std::uint32_t high_mask;
};

class Permutation {
 public:
  static constexpr std::int64_t kMaxSize = std::int64_t{1} << 62;

  // Each `seed`, `epoch` and `stream` gives a different permutation. Throws kArgument for a size beyond kMaxSize.
  Permutation(std::int64_t size, std::uint64_t seed, std::uint64_t epoch, std::uint64_t stream,
              const kernels::Kernels& kernels);

  // Replaces each value, 0 <= value < size, by its image.
  void apply(std::span<std::uint64_t> values) const;

  // The value whose image is `value`.
  std::uint64_t inverse(std::uint64_t value) const;

 private:
  const kernels::Kernels* kernels_;
  std::uint64_t size_;
  FeistelNetwork network_;
};

}  // namespace binfeed
