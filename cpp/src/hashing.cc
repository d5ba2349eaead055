#include "hashing.h"

#include <bit>
#include <cstring>
#include <utility>

namespace binfeed {
namespace {

static_assert(std::endian::native == std::endian::little, "both hashes take bytes as little-endian words");

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

template <typename Word = std::uint64_t>
std::uint64_t load(const std::byte* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// FarmHash (Pike, 2014), whose Fingerprint64 has one function for each range of sizes. Where a size is no multiple of a
// word, loads overlap.

constexpr std::uint64_t kPrime0 = 0xc3a5c85c97cb3127;
constexpr std::uint64_t kPrime1 = 0xb492b66fbe98f273;
constexpr std::uint64_t kPrime2 = 0x9ae16a3b2f90404f;

std::uint64_t shift_mixed(std::uint64_t value) { return value ^ (value >> 47); }

// Makes one word of two.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t multiplier) {
  const std::uint64_t c = shift_mixed((a ^ b) * multiplier);
  return shift_mixed((b ^ c) * multiplier) * multiplier;
}

// Makes one word of four, some of which the caller has multiplied; its first half is needed alone too.
std::uint64_t sum_of(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  return std::rotr(a + b, 43) + std::rotr(c, 30) + d;
}

std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d, std::uint64_t summand,
                    std::uint64_t multiplier) {
  return mixed(sum_of(a, b, c, d), a + std::rotr(b + summand, 18) + c, multiplier);
}

std::uint64_t fingerprint_up_to_3(const std::byte* bytes, std::size_t size) {
  if (size == 0) return kPrime2;
  const std::uint64_t first = load<std::uint8_t>(bytes);
  const std::uint64_t middle = load<std::uint8_t>(bytes + size / 2);
  const std::uint64_t last = load<std::uint8_t>(bytes + size - 1);
  return shift_mixed((first + (middle << 8)) * kPrime2 ^ (size + (last << 2)) * kPrime0) * kPrime2;
}

std::uint64_t fingerprint_4_to_7(const std::byte* bytes, std::size_t size) {
  const std::uint64_t first = load<std::uint32_t>(bytes);
  const std::uint64_t last = load<std::uint32_t>(bytes + size - sizeof(std::uint32_t));
  return mixed(size + (first << 3), last, kPrime2 + 2 * size);
}

std::uint64_t fingerprint_8_to_16(const std::byte* bytes, std::size_t size) {
  const std::uint64_t multiplier = kPrime2 + 2 * size;
  const std::uint64_t first = load(bytes) + kPrime2;
  const std::uint64_t last = load(bytes + size - 8);
  return mixed(std::rotr(last, 37) * multiplier + first, (std::rotr(first, 25) + last) * multiplier, multiplier);
}

std::uint64_t fingerprint_17_to_32(const std::byte* bytes, std::size_t size) {
  const std::uint64_t multiplier = kPrime2 + 2 * size;
  const std::byte* end = bytes + size;
  return mixed(load(bytes) * kPrime1, load(bytes + 8), load(end - 8) * multiplier, load(end - 16) * kPrime2, kPrime2,
               multiplier);
}

std::uint64_t fingerprint_33_to_64(const std::byte* bytes, std::size_t size) {
  const std::uint64_t multiplier = kPrime2 + 2 * size;
  const std::byte* end = bytes + size;
  const std::uint64_t a = load(bytes) * kPrime2;
  const std::uint64_t b = load(bytes + 8);
  const std::uint64_t c = load(end - 8) * multiplier;
  const std::uint64_t d = load(end - 16) * kPrime2;
  const std::uint64_t sum = sum_of(a, b, c, d);
  const std::uint64_t outer = mixed(a, b, c, d, kPrime2, multiplier);
  return mixed(load(bytes + 16) * multiplier, load(bytes + 24), (sum + load(end - 32)) * multiplier,
               (outer + load(end - 24)) * multiplier, a, multiplier);
}

// Longer strings are mixed 64 bytes at a time into this state.
struct LongState {
  struct Pair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };

  void mix(const std::byte* block, std::uint64_t multiplier, std::uint64_t weight);
  static Pair mixed_half(const std::byte* half, std::uint64_t a, std::uint64_t b);

  std::uint64_t x = 81 * kPrime2;  // 81 is the seed, of y too
  std::uint64_t y = 81 * kPrime1 + 113;
  std::uint64_t z = shift_mixed(y * kPrime2 + 113) * kPrime2;
  Pair v;
  Pair w;
};

void LongState::mix(const std::byte* block, std::uint64_t multiplier, std::uint64_t weight) {
  x = std::rotr(x + y + v.first + load(block + 8), 37) * multiplier ^ w.second * weight;
  y = std::rotr(y + v.second + load(block + 48), 42) * multiplier + v.first * weight + load(block + 40);
  z = std::rotr(z + w.first, 33) * multiplier;
  v = mixed_half(block, v.second * multiplier, x + w.first);
  w = mixed_half(block + 32, z + w.second, y + load(block + 16));
  std::swap(x, z);
}

LongState::Pair LongState::mixed_half(const std::byte* half, std::uint64_t a, std::uint64_t b) {
  a += load(half);
  const std::uint64_t last = load(half + 24);
  const std::uint64_t sum = a + load(half + 8) + load(half + 16);
  return {sum + last, std::rotr(a + b + last, 21) + std::rotr(sum, 44) + a};
}

std::uint64_t fingerprint_over_64(const std::byte* bytes, std::size_t size) {
  LongState state;
  state.x += load(bytes);
  const std::byte* last = bytes + size - 64;
  for (; bytes < last; bytes += 64) state.mix(bytes, kPrime1, 1);

  state.w.first += (size - 1) % 64;
  state.v.first += state.w.first;
  state.w.first += state.v.first;
  const std::uint64_t multiplier = kPrime1 + 2 * (state.z & 0xff);
  state.mix(last, multiplier, 9);  // overlaps the block before, unless the size is a multiple of 64
  const auto& [x, y, z, v, w] = state;
  return mixed(mixed(v.first, w.first, multiplier) + shift_mixed(y) * kPrime0 + z,
               mixed(v.second, w.second, multiplier) + x, multiplier);
}

// SipHash (Aumasson and Bernstein, 2012).
class SipHash {
 public:
  explicit SipHash(const std::uint64_t key[2])
      : v0_(key[0] ^ 0x736f6d6570736575),
        v1_(key[1] ^ 0x646f72616e646f6d),
        v2_(key[0] ^ 0x6c7967656e657261),
        v3_(key[1] ^ 0x7465646279746573) {}

  void add(std::uint64_t word) {
    v3_ ^= word;
    mix(2);
    v0_ ^= word;
  }

  std::uint64_t finish() {
    v2_ ^= 0xff;
    mix(4);
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void mix(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      v0_ += v1_;
      v1_ = std::rotl(v1_, 13) ^ v0_;
      v0_ = std::rotl(v0_, 32);
      v2_ += v3_;
      v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ += v3_;
      v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ += v1_;
      v1_ = std::rotl(v1_, 17) ^ v2_;
      v2_ = std::rotl(v2_, 32);
    }
  }

  std::uint64_t v0_;
  std::uint64_t v1_;
  std::uint64_t v2_;
  std::uint64_t v3_;
};

}  // namespace

std::uint64_t fingerprint64(const std::byte* bytes, std::size_t size) {
  if (size <= 3) return fingerprint_up_to_3(bytes, size);
  if (size <= 7) return fingerprint_4_to_7(bytes, size);
  if (size <= 16) return fingerprint_8_to_16(bytes, size);
  if (size <= 32) return fingerprint_17_to_32(bytes, size);
  if (size <= 64) return fingerprint_33_to_64(bytes, size);
  return fingerprint_over_64(bytes, size);
}

std::uint64_t strong_hash64(const std::uint64_t key[2], const std::byte* bytes, std::size_t size) {
  SipHash hash(key);
  std::uint64_t last = static_cast<std::uint64_t>(size) << 56;  // the size modulo 256, above what is left of the bytes
  for (; size >= kWordBytes; size -= kWordBytes, bytes += kWordBytes) hash.add(load(bytes));
  for (std::size_t i = 0; i < size; ++i) last |= load<std::uint8_t>(bytes + i) << (8 * i);
  hash.add(last);
  return hash.finish();
}

std::size_t size_without_padding(const std::byte* bytes, std::size_t size) {
  for (; size >= kWordBytes; size -= kWordBytes) {
    const std::uint64_t word = load(bytes + size - kWordBytes);
    if (word != 0) return size - static_cast<std::size_t>(std::countl_zero(word)) / 8;
  }
  while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
  return size;
}

// MurmurHash64A (Appleby) of the one word `second` with the seed `first`, only that the length counts as 1.
std::uint64_t concatenated(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  const std::uint64_t both = first ^ kMultiplier ^ shift_mixed(second * kMultiplier) * kMultiplier;
  return shift_mixed(shift_mixed(both * kMultiplier) * kMultiplier);
}

}  // namespace binfeed
