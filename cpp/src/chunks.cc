#include "binfeed/chunks.h"

#include <algorithm>
#include <string>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

std::int64_t ceiling(std::int64_t dividend, std::int64_t divisor) {
  return dividend / divisor + (dividend % divisor > 0 ? 1 : 0);
}

}  // namespace

Chunks::Chunks(const Schedule& schedule, std::int64_t first, std::int64_t step, std::int64_t batches, std::int64_t size)
    : first_(first), step_(step), size_(size) {
  if (first < 0 || step < 1 || batches < 0 || size < 1) {
    throw Error(ErrorKind::kArgument, "chunks are out of range: first " + std::to_string(first) + " and batches " +
                                          std::to_string(batches) + " must be at least 0, step " +
                                          std::to_string(step) + " and size " + std::to_string(size) + " at least 1");
  }
  if (batches == 0) return;
  checked_add(first, checked_multiply(batches - 1, step, "number of a batch"), "number of a batch");
  ends_alone_ = !schedule.has_full_batches_only();
  const std::int64_t in_first = schedule.batches_of_first_epoch();
  const std::int64_t in_another = std::max(schedule.batches_of_another_epoch(), in_first);
  if (step == 1) {
    period_ = std::max<std::int64_t>(in_another, 1);
    // As if the first epoch were a whole one and only its end were left.
    begin_ = checked_add(period_ - in_first, first, "number of a batch");
  } else {
    const bool is_one_epoch = schedule.batches() == in_first;
    if (ends_alone_ && !is_one_epoch) size_ = 1;
    period_ = batches;
  }
  end_ = checked_add(begin_, batches, "number of a batch");
  per_period_ = ends_alone_ ? ceiling(period_ - 1, size_) + 1 : ceiling(period_, size_);
  count_ = chunk_of(end_ - 1) - chunk_of(begin_) + 1;
}

Chunks::Chunk Chunks::at(std::int64_t number) const {
  if (number < 0 || number >= count_) throw Error(ErrorKind::kIndex, "there is no chunk " + std::to_string(number));
  const std::int64_t chunk = chunk_of(begin_) + number;
  const std::int64_t begin = std::max(first_place_of(chunk), begin_);
  const std::int64_t end = number + 1 == count_ ? end_ : first_place_of(chunk + 1);
  return {first_ + (begin - begin_) * step_, end - begin};
}

std::int64_t Chunks::first_place_of(std::int64_t chunk) const {
  const std::int64_t in_period = chunk % per_period_;
  const bool is_alone = ends_alone_ && in_period == per_period_ - 1;
  return chunk / per_period_ * period_ + (is_alone ? period_ - 1 : in_period * size_);
}

std::int64_t Chunks::chunk_of(std::int64_t place) const {
  const std::int64_t in_period = place % period_;
  const bool is_alone = ends_alone_ && in_period == period_ - 1;
  return place / period_ * per_period_ + (is_alone ? per_period_ - 1 : in_period / size_);
}

}  // namespace binfeed
