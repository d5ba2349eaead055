#include <algorithm>
#include <numeric>
#include <string>

#include "binfeed/order.h"
#include "binfeed/permutation.h"
#include "binfeed/status.h"

namespace binfeed {
namespace {

// Streams of the permutations of one epoch: one for all samples or blocks, and one per group.
constexpr std::uint64_t kWholeStream = 0;
constexpr std::uint64_t kFirstGroupStream = 1;

std::uint64_t as_unsigned(std::int64_t value) { return static_cast<std::uint64_t>(value); }

class ShuffledOrder final : public Order {
 public:
  ShuffledOrder(std::int64_t size, ShuffleKey key, const kernels::Kernels& kernels)
      : Order(size), permutation_(size, key.seed, key.epoch, kWholeStream, kernels) {}

 private:
  void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const override {
    std::vector<std::uint64_t> samples(as_unsigned(count));
    std::iota(samples.begin(), samples.end(), as_unsigned(position));
    permutation_.apply(samples);
    const std::size_t before = runs.size();
    runs.resize(before + samples.size());
    std::transform(samples.begin(), samples.end(), runs.begin() + static_cast<std::ptrdiff_t>(before),
                   [](std::uint64_t sample) { return Run{static_cast<std::int64_t>(sample), 1}; });
  }

  Permutation permutation_;
};

// All blocks have the same size except for the last one of the files, which is anywhere among the shuffled ones.
class BlockShuffledOrder final : public Order {
 public:
  BlockShuffledOrder(std::int64_t size, std::int64_t block_samples, std::int64_t group_blocks, ShuffleKey key,
                     const kernels::Kernels& kernels)
      : Order(size),
        block_samples_(std::min(block_samples, std::max<std::int64_t>(size, 1))),
        blocks_(size / block_samples_ + (size % block_samples_ > 0 ? 1 : 0)),
        group_blocks_(std::min(group_blocks, std::max<std::int64_t>(blocks_, 1))),
        missing_(blocks_ * block_samples_ - size),
        key_(key),
        kernels_(kernels),
        block_permutation_(blocks_, key.seed, key.epoch, kWholeStream, kernels),
        place_of_last_(blocks_ > 0 ? static_cast<std::int64_t>(block_permutation_.inverse(as_unsigned(blocks_ - 1)))
                                   : 0) {}

 private:
  // Position at which the block in place `place` of the shuffled blocks begins.
  std::int64_t start_of(std::int64_t place) const {
    return place * block_samples_ - (place > place_of_last_ ? missing_ : 0);
  }
  std::int64_t place_at(std::int64_t position) const {
    const bool is_behind_last = position >= start_of(place_of_last_ + 1);
    return (position + (is_behind_last ? missing_ : 0)) / block_samples_;
  }

  void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const override {
    while (count > 0) {
      const std::int64_t group = place_at(position) / group_blocks_;
      const std::int64_t begin = start_of(group * group_blocks_);
      const std::int64_t end = start_of(std::min((group + 1) * group_blocks_, blocks_));
      const std::int64_t here = std::min(count, end - position);
      append_of_group(group, begin, end, position, here, runs);
      position += here;
      count -= here;
    }
  }

  // Appends the blocks of whole groups, unless groups are so large that most of their blocks will not be read soon.
  void reach(std::int64_t position, std::int64_t count, Enough enough, std::vector<Run>& runs) const override {
    const std::int64_t first = place_at(position) / group_blocks_ * group_blocks_;
    const std::int64_t last = place_at(position + count - 1) / group_blocks_ * group_blocks_ + group_blocks_;
    const std::int64_t end = std::min(last, blocks_);
    if (end - first > std::min(enough.runs, enough.samples / block_samples_ + 1)) {
      append(position, std::min({count, enough.samples, enough.runs}), runs);
      return;
    }
    std::vector<std::uint64_t> blocks(as_unsigned(end - first));
    std::iota(blocks.begin(), blocks.end(), as_unsigned(first));
    block_permutation_.apply(blocks);
    for (const std::uint64_t block : blocks) {
      const std::int64_t begin = static_cast<std::int64_t>(block) * block_samples_;
      runs.push_back({begin, std::min(block_samples_, size() - begin)});
    }
  }

  void append_of_group(std::int64_t group, std::int64_t begin, std::int64_t end, std::int64_t position,
                       std::int64_t count, std::vector<Run>& runs) const {
    std::vector<std::uint64_t> within(as_unsigned(count));
    std::iota(within.begin(), within.end(), as_unsigned(position - begin));
    Permutation(end - begin, key_.seed, key_.epoch, kFirstGroupStream + as_unsigned(group), kernels_).apply(within);

    std::vector<std::uint64_t> places(within.size());
    std::transform(within.begin(), within.end(), places.begin(), [&](std::uint64_t sample) {
      return as_unsigned(place_at(begin + static_cast<std::int64_t>(sample)));
    });
    const std::vector<std::uint64_t> blocks = blocks_at(group * group_blocks_, places);
    for (std::size_t i = 0; i < within.size(); ++i) {
      const std::int64_t in_block =
          begin + static_cast<std::int64_t>(within[i]) - start_of(static_cast<std::int64_t>(places[i]));
      runs.push_back({static_cast<std::int64_t>(blocks[i]) * block_samples_ + in_block, 1});
    }
  }

  // The blocks in these places, all of a group that begins with `first`.
  std::vector<std::uint64_t> blocks_at(std::int64_t first, const std::vector<std::uint64_t>& places) const {
    const std::int64_t in_group = std::min(group_blocks_, blocks_ - first);
    if (in_group > std::max<std::int64_t>(kFewBlocks, static_cast<std::int64_t>(places.size()))) {
      std::vector<std::uint64_t> blocks = places;
      block_permutation_.apply(blocks);
      return blocks;
    }
    // Few blocks are permuted once, rather than once for each of their samples.
    std::vector<std::uint64_t> of_group(as_unsigned(in_group));
    std::iota(of_group.begin(), of_group.end(), as_unsigned(first));
    block_permutation_.apply(of_group);
    std::vector<std::uint64_t> blocks(places.size());
    std::transform(places.begin(), places.end(), blocks.begin(),
                   [&](std::uint64_t place) { return of_group[place - as_unsigned(first)]; });
    return blocks;
  }

  static constexpr std::int64_t kFewBlocks = 64;

  std::int64_t block_samples_;
  std::int64_t blocks_;
  std::int64_t group_blocks_;
  std::int64_t missing_;  // by how many samples the last block of the files is smaller
  ShuffleKey key_;
  const kernels::Kernels& kernels_;
  Permutation block_permutation_;
  std::int64_t place_of_last_;
};

}  // namespace

OrderPointer shuffled_order(std::int64_t size, ShuffleKey key, const kernels::Kernels& kernels) {
  return std::make_shared<ShuffledOrder>(size, key, kernels);
}

OrderPointer block_shuffled_order(std::int64_t size, std::int64_t block_samples, std::int64_t group_blocks,
                                  ShuffleKey key, const kernels::Kernels& kernels) {
  if (block_samples < 1 || group_blocks < 1) {
    throw Error(ErrorKind::kArgument, "block_samples and group_blocks must be at least 1, not " +
                                          std::to_string(block_samples) + " and " + std::to_string(group_blocks));
  }
  return std::make_shared<BlockShuffledOrder>(size, block_samples, group_blocks, key, kernels);
}

}  // namespace binfeed
