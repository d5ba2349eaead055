// Values that are appended at the end and taken from the front, such as those of a column.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "binfeed/checked.h"

namespace binfeed {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// Memory of malloc(), because that can grow without a copy.
template <typename T>
using Allocation = std::unique_ptr<T[], Free>;

// Of zeros, which take no memory until something is written there.
template <typename T>
Allocation<T> allocate_zeros(std::size_t count) {
  Allocation<T> zeros(static_cast<T*>(std::calloc(std::max<std::size_t>(count, 1), sizeof(T))));
  if (zeros == nullptr) throw std::bad_alloc();
  return zeros;
}

// Gives memory another size. What is new is not initialised.
template <typename T>
void reallocate(Allocation<T>& memory, std::size_t count) {
  void* const moved = std::realloc(memory.get(), checked_multiply(count, sizeof(T), "bytes of memory"));
  if (moved == nullptr) throw std::bad_alloc();
  static_cast<void>(memory.release());
  memory.reset(static_cast<T*>(moved));
}

template <typename T>
class Queue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  std::size_t size() const { return end_ - begin_; }
  const T* begin() const { return memory_.get() + begin_; }
  const T* end() const { return memory_.get() + end_; }

  // Appends `count` values, which the caller writes.
  T* extend(std::size_t count) {
    if (capacity_ - end_ < count) make_room(count);
    return memory_.get() + std::exchange(end_, end_ + count);
  }

  void drop(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Takes the first values; there must be as many. Only the smaller part is copied: these, or those that stay.
  Allocation<T> take(std::size_t count) {
    if (begin_ > 0 || count < size() - count) {
      Allocation<T> taken = copy(begin_, count);
      drop(count);
      return taken;
    }
    const std::size_t rest = size() - count;
    Allocation<T> taken = std::exchange(memory_, copy(begin_ + count, rest));
    capacity_ = end_ = rest;
    return taken;
  }

 private:
  static constexpr std::size_t kMinCapacity = 64;

  // Memory behind values that were dropped is used again once they are the larger part, so that values move rarely.
  void make_room(std::size_t count) {
    if (begin_ > size()) {
      std::memcpy(memory_.get(), begin(), size() * sizeof(T));
      end_ -= std::exchange(begin_, 0);
      if (capacity_ - end_ >= count) return;
    }
    const std::size_t needed = checked_add(end_, count, "values of a queue");
    const std::size_t capacity = std::max({kMinCapacity, needed, 2 * capacity_});
    reallocate(memory_, capacity);
    capacity_ = capacity;
  }

  Allocation<T> copy(std::size_t first, std::size_t count) const {
    Allocation<T> copied;
    if (count == 0) return copied;
    reallocate(copied, count);
    std::memcpy(copied.get(), memory_.get() + first, count * sizeof(T));
    return copied;
  }

  Allocation<T> memory_;
  std::size_t begin_ = 0;  // those before it were dropped
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace binfeed
