// Which sample comes at which position of an epoch: index arithmetic, the same for every engine and thread count.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace binfeed {

namespace kernels {
struct Kernels;
}

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

  // Appends runs that hold those samples, in any order and perhaps with others that are read soon, to read ahead. Ends
  // when there is enough of them.
  struct Enough {
    std::int64_t samples;
    std::int64_t runs;
  };
  void append_reach(std::int64_t position, std::int64_t count, Enough enough, std::vector<Run>& runs) const;

 protected:
  explicit Order(std::int64_t size) : size_(size) {}

 private:
  virtual void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const = 0;
  virtual void reach(std::int64_t position, std::int64_t count, Enough enough, std::vector<Run>& runs) const {
    append(position, std::min(count, enough.samples), runs);
  }

  std::int64_t size_;
};

using OrderPointer = std::shared_ptr<const Order>;

// 0, 1, 2, ...
OrderPointer sequential_order(std::int64_t size);

// The samples listed, in that order; each must be in [0, size).
OrderPointer listed_order(std::vector<std::int64_t> samples, std::int64_t size);

// Blocks of `block_length` samples from `cycle_length` files in turn, file i holding samples
// [starts[i], starts[i + 1]): the sequence that tf.data.Dataset.interleave gives. Memory grows with the number of
// files.
OrderPointer interleaved_order(std::vector<std::int64_t> starts, std::int64_t cycle_length, std::int64_t block_length);

// What makes one shuffled epoch another than the next.
struct ShuffleKey {
  std::uint64_t seed;
  std::uint64_t epoch;
};

// All samples in an order that has no pattern: a Permutation. Memory does not grow with their number.
OrderPointer shuffled_order(std::int64_t size, ShuffleKey key, const kernels::Kernels& kernels);

// Blocks of `block_samples` consecutive samples are shuffled, and the samples of each `group_blocks` blocks that
// follow each other in that order are shuffled again. So a stretch of the order reads from few places of the files.
OrderPointer block_shuffled_order(std::int64_t size, std::int64_t block_samples, std::int64_t group_blocks,
                                  ShuffleKey key, const kernels::Kernels& kernels);

// How an epoch is shared out: each of `shards` takes a batch in its turn, from position `first` of the epoch on. The
// rest of the epoch, too small to give each a full batch, is cut into equal parts, its last batches: samples that are
// fewer than the shards are left out, or repeated from the start of the epoch where `pads`. So all shards have the same
// number of batches, and what all have read after some of them is [first, first + batches * shards * batch_size).
struct Sharding {
  std::int64_t shard = 0;
  std::int64_t shards = 1;
  std::int64_t first = 0;
  std::int64_t batch_size = 1;
  bool drops_remainder = false;  // leaves out the smaller last batch altogether
  bool pads = false;
};

// What one shard reads of `order`, batch after batch. Throws kArgument for a shard that there is not.
OrderPointer sharded_order(const OrderPointer& order, const Sharding& sharding);

}  // namespace binfeed
