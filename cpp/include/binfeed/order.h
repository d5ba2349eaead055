// Which sample comes at which position of an epoch: index arithmetic that depends on neither engine nor threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace binfeed {

namespace kernels {
struct Kernels;
}

// `count` consecutive samples, beginning with `first`.
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

  // Appends the samples at positions [position, position + count) to `runs`. Starting at any position costs the same.
  // Calls do not change the order, so many threads may share one.
  void append_runs(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const;

  // For reading ahead: appends runs that contain those samples, in any order, perhaps with others that will be read
  // soon. Stops when there are enough.
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

// The samples in the order of the list. Each must be in [0, size).
OrderPointer listed_order(std::vector<std::int64_t> samples, std::int64_t size);

// Takes blocks of `block_length` samples from `cycle_length` files in turn, as tf.data.Dataset.interleave does. File i
// has samples [starts[i], starts[i + 1]). Memory grows with the number of files.
OrderPointer interleaved_order(std::vector<std::int64_t> starts, std::int64_t cycle_length, std::int64_t block_length);

// What distinguishes one shuffled epoch from another.
struct ShuffleKey {
  std::uint64_t seed;
  std::uint64_t epoch;
};

// All samples in an order without a pattern: a Permutation. Memory does not grow with the number of samples.
OrderPointer shuffled_order(std::int64_t size, ShuffleKey key, const kernels::Kernels& kernels);

// Shuffles blocks of `block_samples` consecutive samples, then shuffles the samples within each group of `group_blocks`
// successive blocks. So each stretch of the order reads from few places in the files.
OrderPointer block_shuffled_order(std::int64_t size, std::int64_t block_samples, std::int64_t group_blocks,
                                  ShuffleKey key, const kernels::Kernels& kernels);

// How an epoch is divided among shards. From position `first` of the epoch on, each of `shards` shards takes a full
// batch in turn. The rest, too small for a full batch each, is cut into equal parts, which are the last batches. If
// that leaves samples, fewer than there are shards, they are left out; with `pads`, samples from the start of the epoch
// are repeated so that every shard gets one. So all shards have the same number of batches, and after n full ones they
// have read positions [first, first + n * shards * batch_size).
struct Sharding {
  std::int64_t shard = 0;
  std::int64_t shards = 1;
  std::int64_t first = 0;
  std::int64_t batch_size = 1;
  bool drops_remainder = false;  // leaves out the smaller last batch
  bool pads = false;
};

// The part of `order` that one shard reads, batch after batch. Throws kArgument if there is no such shard.
OrderPointer sharded_order(const OrderPointer& order, const Sharding& sharding);

}  // namespace binfeed
