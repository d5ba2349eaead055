// Recycled output buffers. Writing a batch into fresh memory spends most of its time in page faults, so a buffer that
// nobody uses any more is kept and given out again, the last returned first: that one may still be in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "binfeed/process_mutex.h"

namespace binfeed {

class BufferPool;

// Memory of a pool, aligned to 64 bytes as TensorFlow requires. It goes back to the pool when this is destroyed.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* bytes() const { return bytes_; }

 private:
  friend class BufferPool;
  Buffer(BufferPool* pool, std::byte* bytes, std::size_t capacity) : pool_(pool), bytes_(bytes), capacity_(capacity) {}

  BufferPool* pool_ = nullptr;
  std::byte* bytes_ = nullptr;
  std::size_t capacity_ = 0;
};

class BufferPool {
 public:
  // The pool of this process.
  static BufferPool& instance();

  // At least `bytes` bytes. Many threads may acquire buffers and give them back at the same time.
  Buffer acquire(std::size_t bytes);

  // Buffers are kept for reuse while somebody retains the pool, up to kMaxKeptBytes; beyond that, those that were
  // unused for the longest time are freed. The last release frees all of them; later ones are freed when they come
  // back.
  void retain();
  void release();

  struct Statistics {
    std::size_t kept_bytes;
    std::size_t lent_bytes;
  };
  Statistics statistics() const;

  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kMaxKeptBytes = std::size_t{512} << 20;

 private:
  friend class Buffer;
  void give_back(std::byte* bytes, std::size_t capacity) noexcept;

  mutable ProcessMutex mutex_;
  struct Kept {
    std::byte* bytes;
    std::uint64_t returned;  // its number among all returns
  };
  using KeptBuffers = std::map<std::size_t, std::deque<Kept>>;  // by capacity, the last returned at the end

  // Removes buffers from `kept_` until no more than kMaxKeptBytes remain.
  KeptBuffers take_surplus();

  KeptBuffers kept_;
  std::uint64_t returns_ = 0;
  std::size_t users_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t lent_bytes_ = 0;
};

// One buffer for each output of a batch.
class BatchBuffers {
 public:
  // Memory for `rows` rows of row_bytes[k] bytes in output k. Throws kArgument if an output exceeds kMaxBatchBytes.
  BatchBuffers(std::span<const std::size_t> row_bytes, std::int64_t rows);

  std::size_t size() const { return buffers_.size(); }
  // Where each output begins, and how many bytes it has.
  const std::vector<std::byte*>& bytes() const { return bytes_; }
  std::size_t byte_count(std::size_t output) const { return byte_counts_[output]; }

  // Hands the buffer of an output over to the caller.
  Buffer take(std::size_t output) { return std::move(buffers_[output]); }

 private:
  std::vector<Buffer> buffers_;
  std::vector<std::byte*> bytes_;
  std::vector<std::size_t> byte_counts_;
};

}  // namespace binfeed
