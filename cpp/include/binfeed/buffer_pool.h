// Recycled output buffers. Writing a batch into fresh memory spends most of its time in page faults, so a buffer whose
// last user has let go of it is kept and given out again, the last returned first: that one is still in the cache.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

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

  // Buffers are kept for reuse while somebody retains the pool, at most kMaxKeptBytes of them. With the last
  // release they are freed, and later ones as they come back.
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

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> kept_;  // capacity -> free buffers, the last returned at the end
  std::size_t users_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t lent_bytes_ = 0;
};

}  // namespace binfeed
