#include "binfeed/schedule.h"

#include <algorithm>
#include <string>

#include "binfeed/checked.h"

namespace binfeed {

namespace {

void require_range(const char* name, std::int64_t value, std::int64_t lowest, std::int64_t highest = kMaxSize) {
  require(value >= lowest && value <= highest, std::string(name) + " must be from " + std::to_string(lowest) + " to " +
                                                   std::to_string(highest) + ", not " + std::to_string(value));
}

}  // namespace

void validate(const ScheduleSpec& spec) {
  require(!spec.starts.empty() && spec.starts.front() == 0 && std::is_sorted(spec.starts.begin(), spec.starts.end()) &&
              spec.starts.back() <= kMaxSize,
          "the first samples of the files are no numbers that begin with 0 and only grow");
  require_range("cycle_length", spec.cycle_length, 1);
  require_range("block_length", spec.block_length, 1);
  require_range("block_samples", spec.block_samples, 1);
  require_range("group_blocks", spec.group_blocks, 1);
  require_range("batch_size", spec.batch_size, 1);
  require_range("the number of shards", spec.shards, 1);
  require_range("the number of a shard", spec.shard, 0, spec.shards - 1);
  require_range("the first epoch", spec.first_epoch, 0);
  require_range("the first position", spec.first_position, 0, spec.starts.back());
  require_range("the number of epochs", spec.epochs, 0);
}

Schedule::Schedule(const ScheduleSpec& spec, const kernels::Kernels& kernels) : spec_(spec), kernels_(kernels) {
  validate(spec);
  if (spec.shuffle == Shuffle::kNone) {
    unshuffled_ = interleaved_order(spec.starts, spec.cycle_length, spec.block_length);
  }
  in_first_epoch_ = order(spec.first_epoch)->size();
  in_another_epoch_ = order(spec.first_epoch + 1)->size();
}

AccessPattern Schedule::access_pattern() const {
  if (spec_.shuffle == Shuffle::kGlobal) return AccessPattern::kRandom;
  const bool is_sequential = spec_.shuffle == Shuffle::kNone && spec_.cycle_length == 1;
  return is_sequential ? AccessPattern::kSequential : AccessPattern::kNormal;
}

OrderPointer Schedule::order(std::int64_t epoch, std::uint64_t seed) const {
  const ShuffleKey key{seed, static_cast<std::uint64_t>(epoch)};
  OrderPointer whole = unshuffled_;
  if (spec_.shuffle == Shuffle::kGlobal) whole = shuffled_order(size(), key, kernels_);
  if (spec_.shuffle == Shuffle::kBlock) {
    whole = block_shuffled_order(size(), spec_.block_samples, spec_.group_blocks, key, kernels_);
  }
  return sharded_order(whole, {.shard = spec_.shard,
                               .shards = spec_.shards,
                               .first = epoch == spec_.first_epoch ? spec_.first_position : 0,
                               .batch_size = spec_.batch_size,
                               .drops_remainder = spec_.drops_remainder,
                               .pads = spec_.pads});
}

std::optional<std::int64_t> Schedule::batches() const {
  const std::int64_t in_first = batches_of_first_epoch();
  const std::int64_t in_another = batches_of_another_epoch();
  if (spec_.epochs == 0) return in_another > 0 ? std::nullopt : std::optional(in_first);
  if (spec_.epochs <= spec_.first_epoch) return 0;
  const std::int64_t others = spec_.epochs - spec_.first_epoch - 1;
  if (in_another > 0 && others > (kMaxSize - in_first) / in_another) {
    throw Error(ErrorKind::kArgument, std::to_string(spec_.epochs) + " epochs of " + std::to_string(in_another) +
                                          " batches are more than 2^62: epochs=None has no end");
  }
  return in_first + others * in_another;
}

bool Schedule::has_full_batches_only() const {
  const auto is_full = [&](std::int64_t samples) { return samples % spec_.batch_size == 0; };
  return is_full(in_first_epoch_) && (!has_another_epoch() || is_full(in_another_epoch_));
}

Schedule::Batch Schedule::locate(std::int64_t number, std::int64_t passed_epochs) const {
  const std::int64_t in_first = batches_of_first_epoch();
  const std::int64_t in_another = batches_of_another_epoch();
  const bool exists = number >= 0 && (number < in_first || in_another > 0);
  if (!exists) throw Error(ErrorKind::kIndex, "there is no batch " + std::to_string(number));
  require_range("passed_epochs", passed_epochs, 0);
  const bool is_in_first = number < in_first;
  const std::int64_t later = is_in_first ? 0 : number - in_first;
  const auto add = [](std::int64_t epoch, std::int64_t epochs) {
    return checked_add(epoch, epochs, "number of an epoch");
  };
  std::int64_t epoch = add(spec_.first_epoch, passed_epochs);
  if (!is_in_first) epoch = add(add(epoch, 1), later / in_another);
  const std::int64_t position = (is_in_first ? number : later % in_another) * spec_.batch_size;
  const std::int64_t samples = is_in_first ? in_first_epoch_ : in_another_epoch_;
  return {epoch, position, std::min(spec_.batch_size, samples - position)};
}

Schedule::Place Schedule::place_after(std::int64_t batches) const {
  if (batches == 0) return {spec_.first_epoch, spec_.first_position};
  const Batch last = locate(batches - 1);
  const bool is_in_first = last.epoch == spec_.first_epoch;
  const std::int64_t read = last.position + last.count;
  if (read == (is_in_first ? in_first_epoch_ : in_another_epoch_)) return {last.epoch + 1, 0};
  // Batches behind which others follow are full, and all shards have read theirs.
  const std::int64_t of_all_shards = checked_multiply(read, spec_.shards, "position in an epoch");
  return {last.epoch, (is_in_first ? spec_.first_position : 0) + of_all_shards};
}

std::int64_t Schedule::batches_of(std::int64_t samples) const {
  return samples / spec_.batch_size + (samples % spec_.batch_size > 0 ? 1 : 0);
}

}  // namespace binfeed
