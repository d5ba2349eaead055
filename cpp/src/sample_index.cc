#include "binfeed/sample_index.h"

#include <algorithm>
#include <string>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

// The sum of two products of such numbers fits into 63 bits.
constexpr std::int64_t kMaxCount = std::int64_t{1} << 30;

}  // namespace

std::int64_t Window::span() const {
  const bool is_in_range = size >= 1 && size <= kMaxCount && stride >= 1 && stride <= kMaxCount && dilation >= 1 &&
                           dilation <= kMaxCount && target_offset >= 0 && target_offset <= kMaxCount &&
                           target_size >= 0 && target_size <= kMaxCount && history >= 0 && history <= kMaxCount;
  if (!is_in_range) {
    throw Error(ErrorKind::kArgument,
                "every number of a window must be from 1 (of a target or history, from 0) to 2^30");
  }
  const std::int64_t last = (size - 1) * dilation;
  const std::int64_t last_of_target = target_size > 0 ? target_offset + (target_size - 1) * dilation : 0;
  return history + std::max(last, last_of_target) + 1;
}

SampleIndex::SampleIndex(const RecordIndex& records, Window window) : layout_(records.layout()), window_(window) {
  const std::int64_t span = window.span();
  const auto& counts = records.counts();
  starts_.reserve(counts.size() + 1);
  starts_.push_back(0);
  for (const std::int64_t count : counts) {
    const std::int64_t samples = count < span ? 0 : (count - span) / window.stride + 1;
    starts_.push_back(checked_add(starts_.back(), samples, "samples of all files"));
  }
  if (counts.empty()) throw Error(ErrorKind::kArgument, "there are no files");
  if (starts_.back() == 0 && span > 1) {
    const auto longest = std::max_element(counts.begin(), counts.end());
    const MappedFile& file = *records.files()[static_cast<std::size_t>(longest - counts.begin())];
    throw Error::data("no file has the " + std::to_string(span) + " records that a " +
                          (window.history > 0 ? "sample spans with its history" : "window spans") + ": the longest, '" +
                          file.path() + "', has " + std::to_string(*longest),
                      file.path(), file.size());
  }
}

SampleIndex::Stretch SampleIndex::locate(std::int64_t sample) const {
  if (sample < 0 || sample >= size()) {
    throw Error(ErrorKind::kIndex, "there is no sample " + std::to_string(sample) + ": the reader has " +
                                       std::to_string(size()) + " samples, numbered from 0");
  }
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), sample);
  return {.file = static_cast<std::size_t>(next - starts_.begin()) - 1,
          .first = *(next - 1),
          .end = *next,
          .offset = layout_.header_bytes,
          .stride = static_cast<std::uint64_t>(window_.stride) * layout_.record_bytes};
}

}  // namespace binfeed
