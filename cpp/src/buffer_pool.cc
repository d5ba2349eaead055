#include "binfeed/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Rounded up to one of eight steps per power of two, so that batches of nearly the same size can share buffers.
std::size_t capacity_for(std::size_t bytes) {
  if (bytes <= 512) return round_up(bytes == 0 ? 1 : bytes, BufferPool::kAlignment);
  if (bytes > kHugePage) return round_up(bytes, kHugePage);
  return round_up(bytes, std::bit_floor(bytes) / 8);
}

std::align_val_t alignment_of(std::size_t capacity) {
  return std::align_val_t{capacity >= kHugePage ? kHugePage : BufferPool::kAlignment};
}

// Says how much memory was asked for.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes)
      : message_("an array of " + std::to_string(bytes) + " bytes does not fit into memory: read smaller batches") {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

std::byte* allocate(std::size_t capacity) {
  void* memory = ::operator new(capacity, alignment_of(capacity), std::nothrow);
  if (memory == nullptr) throw OutOfMemory(capacity);
  auto* bytes = static_cast<std::byte*>(memory);
#if defined(MADV_HUGEPAGE)
  if (capacity >= kHugePage) ::madvise(bytes, capacity, MADV_HUGEPAGE);
#endif
  return bytes;
}

void deallocate(std::byte* bytes, std::size_t capacity) noexcept {
  ::operator delete(bytes, capacity, alignment_of(capacity));
}

template <typename KeptBuffers>
void free_all(const KeptBuffers& buffers) noexcept {
  for (const auto& [capacity, kept] : buffers) {
    for (const auto& buffer : kept) deallocate(buffer.bytes, capacity);
  }
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), bytes_(other.bytes_), capacity_(other.capacity_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(bytes_, other.bytes_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->give_back(bytes_, capacity_);
}

BufferPool& BufferPool::instance() {
  // Never destroyed: arrays may outlive all other objects of the process.
  static auto* const pool = new BufferPool;
  return *pool;
}

namespace {
const AtLoad pool_at_load([] { BufferPool::instance(); });
}  // namespace

Buffer BufferPool::acquire(std::size_t bytes) {
  const std::size_t capacity = capacity_for(bytes);
  {
    const std::lock_guard lock(mutex_);
    lent_bytes_ += capacity;
    if (const auto kept = kept_.find(capacity); kept != kept_.end()) {
      std::byte* reused = kept->second.back().bytes;
      kept->second.pop_back();
      if (kept->second.empty()) kept_.erase(kept);
      kept_bytes_ -= capacity;
      return {this, reused, capacity};
    }
  }
  try {
    return {this, allocate(capacity), capacity};
  } catch (...) {
    const std::lock_guard lock(mutex_);
    lent_bytes_ -= capacity;
    throw;
  }
}

void BufferPool::give_back(std::byte* bytes, std::size_t capacity) noexcept {
  KeptBuffers surplus;
  {
    const std::lock_guard lock(mutex_);
    lent_bytes_ -= capacity;
    kept_[capacity].push_back({bytes, ++returns_});
    kept_bytes_ += capacity;
    surplus = take_surplus();
  }
  free_all(surplus);
}

BufferPool::KeptBuffers BufferPool::take_surplus() {
  KeptBuffers surplus;
  if (users_ == 0) {
    surplus.swap(kept_);
    kept_bytes_ = 0;
  }
  while (kept_bytes_ > kMaxKeptBytes) {
    const auto oldest = std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
      return a.second.front().returned < b.second.front().returned;
    });
    const std::size_t capacity = oldest->first;
    surplus[capacity].push_back(oldest->second.front());
    oldest->second.pop_front();
    if (oldest->second.empty()) kept_.erase(oldest);
    kept_bytes_ -= capacity;
  }
  return surplus;
}

void BufferPool::retain() {
  const std::lock_guard lock(mutex_);
  ++users_;
}

void BufferPool::release() {
  KeptBuffers surplus;
  {
    const std::lock_guard lock(mutex_);
    --users_;
    surplus = take_surplus();
  }
  free_all(surplus);
}

BufferPool::Statistics BufferPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return {kept_bytes_, lent_bytes_};
}

BatchBuffers::BatchBuffers(std::span<const std::size_t> row_bytes, std::int64_t rows) {
  for (const std::size_t bytes : row_bytes) {
    byte_counts_.push_back(
        checked_output_bytes(bytes, static_cast<std::uint64_t>(rows), "a batch (bytes of a sample x samples)"));
    buffers_.push_back(BufferPool::instance().acquire(byte_counts_.back()));
    bytes_.push_back(buffers_.back().bytes());
  }
}

}  // namespace binfeed
