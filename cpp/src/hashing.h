// The hashes with which TensorFlow puts values into bins. They agree bit for bit, so that a graph that serves a model
// finds the bins that the model was trained with. A bin is the hash modulo the number of bins, both being unsigned.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace binfeed {

// FarmHash Fingerprint64, as in tf.strings.to_hash_bucket_fast.
std::uint64_t fingerprint64(const std::byte* bytes, std::size_t size);

// SipHash-2-4, as in tf.strings.to_hash_bucket_strong.
std::uint64_t strong_hash64(const std::uint64_t key[2], const std::byte* bytes, std::size_t size);

// The size of a string without the zeros that pad it to a fixed size, which strings in TensorFlow do not have.
std::size_t size_without_padding(const std::byte* bytes, std::size_t size);

// The decimal text of an integer, such as -12: Keras hashes this in place of the integer.
class DecimalText {
 public:
  template <std::integral Integer>
  explicit DecimalText(Integer value) {
    char* const end = std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr;
    size_ = static_cast<std::size_t>(end - text_.data());
  }

  const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(text_.data()); }
  std::size_t size() const { return size_; }

 private:
  std::array<char, 20> text_;  // enough for the least int64 and the greatest uint64
  std::size_t size_;
};

template <std::integral Integer>
std::uint64_t fingerprint64_of_integer(Integer value) {
  const DecimalText text(value);
  return fingerprint64(text.bytes(), text.size());
}

template <std::integral Integer>
std::uint64_t strong_hash64_of_integer(const std::uint64_t key[2], Integer value) {
  const DecimalText text(value);
  return strong_hash64(key, text.bytes(), text.size());
}

// The hash of a pair, from the hashes of its two parts; the order matters. TensorFlow calls it FingerprintCat64, and
// crosses values with it: tf.sparse.cross_hashed begins with the key 0xDECAFCAFFE, and goes on with the fingerprint64
// of each string, and each integer as it is.
std::uint64_t concatenated(std::uint64_t first, std::uint64_t second);

}  // namespace binfeed
