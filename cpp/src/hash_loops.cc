#include "hash_loops.h"

#include <cstring>

#include "hashing.h"

namespace binfeed {
namespace {

using kernels::Block;

template <typename T>
T loaded(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void store_bin(std::byte* to, std::uint64_t hash, std::uint64_t bins) {
  const std::uint64_t bin = bins > 0 ? hash % bins : hash;
  std::memcpy(to, &bin, sizeof bin);
}

template <typename HashOf>
void for_each_key(const Block& block, std::size_t key_bytes, std::uint64_t bins, HashOf hash_of) {
  for (std::size_t record = 0; record < block.records; ++record) {
    const std::byte* source = block.source + record * block.source_stride;
    std::byte* target = block.target + record * block.target_stride;
    for (std::size_t element = 0; element < block.elements; ++element) {
      store_bin(target, hash_of(source), bins);
      source += key_bytes;
      target += sizeof(std::uint64_t);
    }
  }
}

template <typename Integer>
void hash_integers(const Block& block, const Hash& hash) {
  for_each_key(block, sizeof(Integer), hash.bins, [&](const std::byte* key) {
    const auto value = loaded<Integer>(key);
    return hash.salt.empty() ? fingerprint64_of_integer(value) : strong_hash64_of_integer(hash.salt.data(), value);
  });
}

void hash_texts(const Block& block, const Hash& hash) {
  for_each_key(block, hash.text_bytes, hash.bins, [&](const std::byte* key) {
    const std::size_t size = size_without_padding(key, hash.text_bytes);
    return hash.salt.empty() ? fingerprint64(key, size) : strong_hash64(hash.salt.data(), key, size);
  });
}

}  // namespace

void hash_values(const Block& block, const Hash& hash, ElementType type) {
  if (hash.text_bytes > 0) hash_texts(block, hash);
  else if (type == ElementType::kInt8) hash_integers<std::int8_t>(block, hash);
  else if (type == ElementType::kUint8) hash_integers<std::uint8_t>(block, hash);
  else if (type == ElementType::kInt16) hash_integers<std::int16_t>(block, hash);
  else if (type == ElementType::kUint16) hash_integers<std::uint16_t>(block, hash);
  else if (type == ElementType::kInt32) hash_integers<std::int32_t>(block, hash);
  else if (type == ElementType::kUint32) hash_integers<std::uint32_t>(block, hash);
  else if (type == ElementType::kInt64) hash_integers<std::int64_t>(block, hash);
  else hash_integers<std::uint64_t>(block, hash);
}

void cross_values(const Block& block, std::uint64_t bins) {
  const auto [first, stride, is_single] = block.others[0];
  constexpr std::size_t kBytes = sizeof(std::uint64_t);
  for (std::size_t record = 0; record < block.records; ++record) {
    const std::byte* a = block.source + record * block.source_stride;
    const std::byte* b = first + record * stride;
    std::byte* target = block.target + record * block.target_stride;
    for (std::size_t element = 0; element < block.elements; ++element) {
      store_bin(target + element * kBytes, concatenated(loaded<std::uint64_t>(a), loaded<std::uint64_t>(b)), bins);
      if (!block.source_is_single) a += kBytes;
      if (!is_single) b += kBytes;
    }
  }
}

}  // namespace binfeed
