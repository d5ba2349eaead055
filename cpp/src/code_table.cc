#include "code_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace binfeed {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

// The bytes of a key as words, the first byte being the lowest; what is missing of the last word is 0.
void load_words(const std::byte* key, std::size_t bytes, std::uint64_t* words) {
  for (std::size_t at = 0; at < bytes; at += kWordBytes) {
    std::uint64_t word = 0;
    const std::size_t count = std::min(kWordBytes, bytes - at);
    if constexpr (std::endian::native == std::endian::little) {
      if (count == kWordBytes) {  // of a known number of bytes, which is one instruction
        std::memcpy(&word, key + at, kWordBytes);
      } else {
        std::memcpy(&word, key + at, count);
      }
    } else {
      for (std::size_t i = 0; i < count; ++i) word |= static_cast<std::uint64_t>(key[at + i]) << (8 * i);
    }
    words[at / kWordBytes] = word;
  }
}

}  // namespace

CodeTable::CodeTable(const Codes& codes)
    : key_bytes_(codes.key_bytes),
      words_((codes.key_bytes + kWordBytes - 1) / kWordBytes),
      otherwise_(codes.otherwise),
      keys_(codes.keys),
      codes_(codes.codes),
      slots_(std::bit_ceil(2 * codes.codes.size() + 1)) {
  for (std::size_t number = 0; number < codes_.size(); ++number) {
    std::size_t slot = slot_of(&keys_[number * words_]);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(number + 1);
  }
  for (std::uint64_t byte = 0; byte < of_byte_.size() && key_bytes_ == 1; ++byte) of_byte_[byte] = code_of(&byte);
}

void CodeTable::look_up(const kernels::Block& block) const {
  std::vector<std::uint64_t> key(words_);
  for (std::size_t record = 0; record < block.records; ++record) {
    const std::byte* source = block.source + record * block.source_stride;
    std::byte* target = block.target + record * block.target_stride;
    for (std::size_t element = 0; element < block.elements; ++element) {
      std::int32_t code = 0;
      if (key_bytes_ == 1) {
        code = of_byte_[static_cast<std::size_t>(*source)];
      } else {
        load_words(source, key_bytes_, key.data());
        code = code_of(key.data());
      }
      std::memcpy(target, &code, sizeof code);
      source += key_bytes_;
      target += sizeof code;
    }
  }
}

std::int32_t CodeTable::code_of(const std::uint64_t* key) const {
  for (std::size_t slot = slot_of(key); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::size_t number = slots_[slot] - 1;
    if (is_equal(key, number)) return codes_[number];
  }
  return otherwise_;
}

std::size_t CodeTable::slot_of(const std::uint64_t* key) const {
  std::uint64_t hash = 0;
  for (std::size_t word = 0; word < words_; ++word) {
    hash = (std::rotl(hash, 29) ^ key[word]) * 0x9e3779b97f4a7c15;
  }
  return static_cast<std::size_t>(hash ^ (hash >> 32)) & (slots_.size() - 1);
}

bool CodeTable::is_equal(const std::uint64_t* key, std::size_t number) const {
  return std::equal(key, key + words_, &keys_[number * words_]);
}

}  // namespace binfeed
