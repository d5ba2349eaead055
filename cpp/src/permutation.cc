#include "binfeed/permutation.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "binfeed/status.h"
#include "kernels/kernels.h"

namespace binfeed {
namespace {

#include "kernels/feistel.inc"

// Smaller domains do not mix well enough in so few rounds.
constexpr unsigned kMinBits = 10;
constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

FeistelNetwork make_network(std::uint64_t size, std::uint64_t seed, std::uint64_t epoch, std::uint64_t stream) {
  const unsigned bits = std::max(kMinBits, static_cast<unsigned>(std::bit_width(size - 1)));
  FeistelNetwork network{};
  network.low_bits = (bits + 1) / 2;
  network.low_mask = (std::uint32_t{1} << network.low_bits) - 1;
  network.high_mask = (std::uint32_t{1} << (bits - network.low_bits)) - 1;

  std::uint64_t state = mixed(seed + kGolden);
  state = mixed(state ^ mixed(epoch + 2 * kGolden));
  state = mixed(state ^ mixed(stream + 3 * kGolden));
  for (FeistelNetwork::Key& key : network.keys) {
    state += kGolden;
    const std::uint64_t both = mixed(state);
    key = {static_cast<std::uint32_t>(both), static_cast<std::uint32_t>(both >> 32)};
  }
  return network;
}

}  // namespace

Permutation::Permutation(std::int64_t size, std::uint64_t seed, std::uint64_t epoch, std::uint64_t stream,
                         const kernels::Kernels& kernels)
    : kernels_(&kernels), size_(static_cast<std::uint64_t>(size)), network_{} {
  if (size < 0 || size > kMaxSize) {
    throw Error(ErrorKind::kArgument, "up to 2^62 samples can be shuffled, not " + std::to_string(size));
  }
  if (size > 0) network_ = make_network(size_, seed, epoch, stream);
}

void Permutation::apply(std::span<std::uint64_t> values) const {
  kernels_->feistel(values.data(), values.size(), network_);

  // Cycle walking: values beyond the range are permuted again until all are within it.
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= size_) places.push_back(i);
  }
  std::vector<std::uint64_t> walking(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) walking[i] = values[places[i]];
  while (!places.empty()) {
    kernels_->feistel(walking.data(), walking.size(), network_);
    std::size_t left = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (walking[i] < size_) {
        values[places[i]] = walking[i];
      } else {
        walking[left] = walking[i];
        places[left++] = places[i];
      }
    }
    places.resize(left);
    walking.resize(left);
  }
}

std::uint64_t Permutation::inverse(std::uint64_t value) const {
  do {
    auto low = static_cast<std::uint32_t>(value & network_.low_mask);
    auto high = static_cast<std::uint32_t>(value >> network_.low_bits);
    for (std::size_t round = FeistelNetwork::kRounds; round > 0; round -= 2) {
      low ^= hashed(high, network_.keys[round - 1]) & network_.low_mask;
      high ^= hashed(low, network_.keys[round - 2]) & network_.high_mask;
    }
    value = std::uint64_t{high} << network_.low_bits | low;
  } while (value >= size_);
  return value;
}

}  // namespace binfeed
