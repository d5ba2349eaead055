// Recycled output buffers. Writing a batch into fresh memory spends most of its time in page faults, so a buffer whose
// last user has let go of it is kept and given out again, the last returned first: that one is still in the cache.
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

// Memory of a pool, aligned to 64 bytes as TensorFlow wants it. Goes back to the pool when destroyed.
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

  // At least `bytes` bytes. Safe from many threads, as is giving a buffer back.
  Buffer acquire(std::size_t bytes);

  // Buffers are kept for reuse while somebody retains the pool, at most kMaxKeptBytes of them: beyond that, those that
  // lay unused the longest are freed. With the last release all are, and later ones as they come back.
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
    std::uint64_t returned;  // when, counted in returns
  };
  using KeptBuffers = std::map<std::size_t, std::deque<Kept>>;  // by capacity, the last returned at the end

  // Takes the buffers out of `kept_` that must go so that no more than kMaxKeptBytes remain.
  KeptBuffers take_surplus();

  KeptBuffers kept_;
  std::uint64_t returns_ = 0;
  std::size_t users_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t lent_bytes_ = 0;
};

// A buffer per output of a batch.
class BatchBuffers {
 public:
  // Memory for `rows` rows, of which one takes row_bytes[k] bytes of output k. Throws kArgument beyond kMaxBatchBytes.
  BatchBuffers(std::span<const std::size_t> row_bytes, std::int64_t rows);

  std::size_t size() const { return buffers_.size(); }
  // Where each output begins, and how many bytes it has.
  const std::vector<std::byte*>& bytes() const { return bytes_; }
  std::size_t byte_count(std::size_t output) const { return byte_counts_[output]; }

  // Hands one of them over.
  Buffer take(std::size_t output) { return std::move(buffers_[output]); }

 private:
  std::vector<Buffer> buffers_;
  std::vector<std::byte*> bytes_;
  std::vector<std::size_t> byte_counts_;
};

}  // namespace binfeed
