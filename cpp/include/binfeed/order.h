// Which sample comes at which position of an epoch: index arithmetic, the same for every engine and thread count.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace binfeed {

// `count` consecutive samples from `first` on.
struct Run {
  std::int64_t first;
  std::int64_t count;
};

class Order {
 public:
  virtual ~Order() = default;

  std::int64_t size() const { return size_; }

  // Throws kIndex unless positions [position, position + count) exist.
  void check(std::int64_t position, std::int64_t count) const;

  // Appends the samples at positions [position, position + count) to `runs`. Any position costs the same to start
  // from, and no call changes the order: it is safe from many threads.
  void append_runs(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const;

 protected:
  explicit Order(std::int64_t size) : size_(size) {}

 private:
  virtual void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const = 0;

  std::int64_t size_;
};

using OrderPointer = std::shared_ptr<const Order>;

// 0, 1, 2, ...
OrderPointer sequential_order(std::int64_t size);

// The samples listed, in that order; each must be in [0, size).
OrderPointer listed_order(std::vector<std::int64_t> samples, std::int64_t size);

// Blocks of `block_length` samples from `cycle_length` files in turn, file i holding samples
// [starts[i], starts[i + 1]): the sequence that tf.data.Dataset.interleave gives. Memory grows with the number of files.
OrderPointer interleaved_order(std::vector<std::int64_t> starts, std::int64_t cycle_length,
                               std::int64_t block_length);

}  // namespace binfeed
