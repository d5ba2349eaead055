#include "binfeed/read_ahead.h"

#include <algorithm>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

constexpr std::int64_t kReachBytes = 64 << 20;
// A sample in another place costs a whole page.
constexpr std::int64_t kPageBytes = 4096;

}  // namespace

ReadAhead::ReadAhead(std::int64_t sample_bytes, AccessPattern pattern, std::int64_t batch_size)
    : reach_(std::max(
          kReachBytes / std::max<std::int64_t>(sample_bytes, pattern == AccessPattern::kRandom ? kPageBytes : 1),
          2 * std::min(batch_size, kMaxSize / 2))) {}

ReadAhead::Stretch ReadAhead::next(std::int64_t epoch, std::int64_t position, std::int64_t count, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  if (epoch != epoch_ || position < begin_ || position > end_) {
    epoch_ = epoch;
    begin_ = end_ = position;
  }
  const std::int64_t end = position + std::min(reach_, size - position);
  const bool is_due = position + count > end_ || end - end_ >= reach_ / 2;
  if (!is_due || end <= end_) return {end_, 0};
  const Stretch stretch{end_, end - end_};
  end_ = end;
  return stretch;
}

}  // namespace binfeed
