// Which samples make which batch of a shard, epoch after epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "binfeed/mapped_file.h"
#include "binfeed/order.h"

namespace binfeed {

enum class Shuffle : std::uint8_t { kNone, kGlobal, kBlock };
inline constexpr std::size_t kShuffles = 3;

struct ScheduleSpec {
  // Number of the first sample of each file, and at the end the number of all samples. Readers that are read side by
  // side share one order, whatever files they have.
  std::vector<std::int64_t> starts = {0};
  std::int64_t cycle_length = 1;
  std::int64_t block_length = 1;

  Shuffle shuffle = Shuffle::kNone;
  std::uint64_t seed = 0;
  std::int64_t block_samples = 1;
  std::int64_t group_blocks = 1;

  std::int64_t batch_size = 1;
  bool drops_remainder = false;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
  bool pads = false;

  std::int64_t first_epoch = 0;
  std::int64_t first_position = 0;  // of the first epoch
  std::int64_t epochs = 0;          // the epoch to end before; 0 for no end
};

// Throws kArgument, saying what is wrong, for numbers that make no order.
void validate(const ScheduleSpec& spec);

class Schedule {
 public:
  // Throws kArgument for a spec that is not valid.
  Schedule(const ScheduleSpec& spec, const kernels::Kernels& kernels);

  const ScheduleSpec& spec() const { return spec_; }

  // Samples of an epoch, of all shards.
  std::int64_t size() const { return spec_.starts.back(); }

  // How its epochs read the files.
  AccessPattern access_pattern() const;

  // What the shard reads in `epoch`: batch b is positions [b * batch_size, (b + 1) * batch_size), as far as they exist.
  // With another seed than the schedule's it is what a schedule with that seed reads.
  OrderPointer order(std::int64_t epoch) const { return order(epoch, spec_.seed); }
  OrderPointer order(std::int64_t epoch, std::uint64_t seed) const;

  // Batches of all epochs; none if they never end. Throws kArgument if there are more than kMaxSize.
  std::optional<std::int64_t> batches() const;

  // Batches of the first epoch, of which a part may be left, and of each of the others.
  std::int64_t batches_of_first_epoch() const { return batches_of(in_first_epoch_); }
  std::int64_t batches_of_another_epoch() const { return batches_of(in_another_epoch_); }

  // Whether every batch has `batch_size` samples.
  bool has_full_batches_only() const;

  // Positions [position, position + count) of an epoch.
  struct Batch {
    std::int64_t epoch;
    std::int64_t position;
    std::int64_t count;
  };
  // Batch `number`, counted from the first epoch on, or from the epoch `passed_epochs` later. Throws kIndex if there is
  // no such batch in any number of epochs.
  Batch locate(std::int64_t number, std::int64_t passed_epochs = 0) const;

  // Where all shards go on that have read as many batches: an epoch, and a position in the whole of it.
  struct Place {
    std::int64_t epoch;
    std::int64_t position;
  };
  Place place_after(std::int64_t batches) const;

 private:
  bool has_another_epoch() const { return spec_.epochs == 0 || spec_.epochs > spec_.first_epoch + 1; }
  std::int64_t batches_of(std::int64_t samples) const;

  ScheduleSpec spec_;
  const kernels::Kernels& kernels_;
  OrderPointer unshuffled_;
  std::int64_t in_first_epoch_ = 0;    // samples of this shard
  std::int64_t in_another_epoch_ = 0;
};

}  // namespace binfeed
