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
  // The number of each file's first sample, followed by the number of all samples. Zipped readers share one order,
  // however their files are cut.
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
  std::int64_t first_position = 0;  // where the first epoch begins
  std::int64_t epochs = 0;          // the epoch before which it ends; 0 if it never ends
};

// Throws kArgument, saying what is wrong, if a number is out of range.
void validate(const ScheduleSpec& spec);

class Schedule {
 public:
  // Throws kArgument if the spec is invalid.
  Schedule(const ScheduleSpec& spec, const kernels::Kernels& kernels);

  const ScheduleSpec& spec() const { return spec_; }

  // Samples per epoch, of all shards together.
  std::int64_t size() const { return spec_.starts.back(); }

  // The pattern in which epochs read the files.
  AccessPattern access_pattern() const;

  // What the shard reads in `epoch`. Batch b of it is at positions [b * batch_size, (b + 1) * batch_size), as far as
  // they exist. A `seed` takes the place of the schedule's.
  OrderPointer order(std::int64_t epoch) const { return order(epoch, spec_.seed); }
  OrderPointer order(std::int64_t epoch, std::uint64_t seed) const;

  // The number of batches of all epochs, or nothing if they never end. Throws kArgument if it is more than kMaxSize.
  std::optional<std::int64_t> batches() const;

  // Batches of the first epoch, which may begin in its middle, and of every later epoch.
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
  // Batch `number`, counted from the first epoch, with `passed_epochs` added to its epoch. Throws kIndex if there would
  // be no such batch even without an end.
  Batch locate(std::int64_t number, std::int64_t passed_epochs = 0) const;

  // Where all shards continue after this many batches each: an epoch, and a position in the whole epoch.
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
