#include "binfeed/schedule.h"

#include <algorithm>
#include <string>
#include <utility>

#include "binfeed/status.h"

namespace binfeed {

Schedule::Schedule(const ScheduleSpec& spec, std::vector<std::int64_t> starts, const kernels::Kernels& kernels)
    : spec_(spec), size_(starts.back()), kernels_(kernels) {
  if (spec.batch_size < 1) throw Error(ErrorKind::kArgument, "batch_size must be at least 1");
  if (spec.shuffle == Shuffle::kNone) {
    unshuffled_ = interleaved_order(std::move(starts), spec.cycle_length, spec.block_length);
  }
  in_first_epoch_ = order(spec.first_epoch)->size();
  in_another_epoch_ = order(spec.first_epoch + 1)->size();
}

AccessPattern Schedule::access_pattern() const {
  if (spec_.shuffle == Shuffle::kGlobal) return AccessPattern::kRandom;
  const bool is_sequential = spec_.shuffle == Shuffle::kNone && spec_.cycle_length == 1;
  return is_sequential ? AccessPattern::kSequential : AccessPattern::kNormal;
}

OrderPointer Schedule::order(std::int64_t epoch) const {
  const ShuffleKey key{spec_.seed, static_cast<std::uint64_t>(epoch)};
  OrderPointer whole = unshuffled_;
  if (spec_.shuffle == Shuffle::kGlobal) whole = shuffled_order(size_, key, kernels_);
  if (spec_.shuffle == Shuffle::kBlock) {
    whole = block_shuffled_order(size_, spec_.block_samples, spec_.window_blocks, key, kernels_);
  }
  return sharded_order(whole, {.shard = spec_.shard,
                               .shards = spec_.shards,
                               .first = epoch == spec_.first_epoch ? spec_.first_position : 0,
                               .batch_size = spec_.batch_size,
                               .drops_remainder = spec_.drops_remainder,
                               .pads = spec_.pads});
}

Schedule::Batch Schedule::locate(std::int64_t number) const {
  const std::int64_t in_first = batches(in_first_epoch_);
  const std::int64_t in_another = batches(in_another_epoch_);
  const bool exists = number >= 0 && (number < in_first || in_another > 0);
  if (!exists) {
    throw Error(ErrorKind::kIndex, "there is no batch " + std::to_string(number));
  }
  const bool is_in_first = number < in_first;
  const std::int64_t later = is_in_first ? 0 : number - in_first;
  const std::int64_t epoch = spec_.first_epoch + (is_in_first ? 0 : 1 + later / in_another);
  const std::int64_t position = (is_in_first ? number : later % in_another) * spec_.batch_size;
  const std::int64_t samples = is_in_first ? in_first_epoch_ : in_another_epoch_;
  return {epoch, position, std::min(spec_.batch_size, samples - position)};
}

std::int64_t Schedule::batches(std::int64_t samples) const {
  return samples / spec_.batch_size + (samples % spec_.batch_size > 0 ? 1 : 0);
}

}  // namespace binfeed
