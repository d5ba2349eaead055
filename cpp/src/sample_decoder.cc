#include "sample_decoder.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "binfeed/decoder.h"
#include "binfeed/page_guard.h"
#include "binfeed/status.h"

namespace binfeed {
namespace {

// Shorter runs of small records are first brought together: the loops want many records at equal distances.
constexpr std::int64_t kShortRun = 16;
constexpr std::size_t kSmallRecord = 1024;
constexpr std::size_t kPrefetchDistance = 16;
// Decoded rows of overlapping samples that are kept at a time: they stay in the second-level cache.
constexpr std::size_t kOverlapBytes = 128 << 10;
// Asking the file system about a file takes about a microsecond, so that no more are asked about per read.
constexpr std::size_t kMaxFilesToAskAbout = 64;

std::size_t as_size(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

SampleDecoder::SampleDecoder(const RecordIndex& records, const SampleIndex& samples, std::int64_t first,
                             std::int64_t size, const DecodePlan& plan, std::vector<std::byte*> outputs)
    : records_(records),
      samples_(samples),
      plan_(plan),
      outputs_(std::move(outputs)),
      used_bytes_(plan.used_end() - plan.used_begin()),
      first_(first),
      size_(size),
      step_bytes_(as_size(samples.window().dilation) * plan.record_bytes()),
      stride_bytes_(as_size(samples.window().stride) * plan.record_bytes()),
      lattice_(std::gcd(samples.window().dilation, samples.window().stride)),
      lattice_step_(samples.window().dilation / lattice_),
      lattice_stride_(samples.window().stride / lattice_) {}

void SampleDecoder::add(Run samples) {
  if (samples.first < 0 || samples.count > samples_.size() - samples.first) {
    throw Error(ErrorKind::kIndex, "sample " + std::to_string(samples.first + samples.count - 1) +
                                       " is not among the " + std::to_string(samples_.size()) + " there are");
  }
  while (samples.count > 0) {
    find_file(samples.first);
    const std::int64_t here = std::min(samples.count, samples_.starts()[file_ + 1] - samples.first);
    add_samples(records_.address(file_, samples_.first_record(file_, samples.first) + first_), here);
    samples.first += here;
    samples.count -= here;
  }
}

void SampleDecoder::finish() {
  decode_scattered();
  check_files();
}

void SampleDecoder::find_file(std::int64_t sample) {
  const auto& starts = samples_.starts();
  const bool is_here = !touched_.empty() && sample >= starts[file_] && sample < starts[file_ + 1];
  if (is_here) return;
  file_ = samples_.file_of(sample);
  if (touched_.size() <= kMaxFilesToAskAbout && std::find(touched_.begin(), touched_.end(), file_) != touched_.end()) {
    return;
  }
  touched_.push_back(file_);
}

void SampleDecoder::add_samples(const std::byte* first_record, std::int64_t count) {
  if (size_ == 1) {
    add_rows(first_record, stride_bytes_, count);
  } else if (stride_bytes_ == as_size(size_) * step_bytes_) {
    add_rows(first_record, step_bytes_, count * size_);
  } else if (overlaps(count)) {
    add_overlapping(first_record, count);
  } else {
    for (std::int64_t i = 0; i < count; ++i) add_rows(first_record + as_size(i) * stride_bytes_, step_bytes_, size_);
  }
}

std::int64_t SampleDecoder::lattice_rows(std::int64_t count) const {
  return (count - 1) * lattice_stride_ + (size_ - 1) * lattice_step_ + 1;
}

// Copying a row is cheaper than decoding it again, but not free.
bool SampleDecoder::overlaps(std::int64_t count) const { return lattice_rows(count) <= count * size_ / 2; }

void SampleDecoder::add_overlapping(const std::byte* first_record, std::int64_t count) {
  decode_scattered();
  std::size_t row_bytes = 0;
  for (const auto& output : plan_.outputs()) row_bytes += output.row_bytes;
  // Rows that belong to the next samples are decoded again, so that there must be several times those of one sample.
  const auto rows = std::max<std::int64_t>(static_cast<std::int64_t>(kOverlapBytes / std::max<std::size_t>(row_bytes, 1)),
                                           8 * lattice_rows(1));
  const std::int64_t at_a_time = std::min(count, std::max<std::int64_t>((rows - lattice_rows(1)) / lattice_stride_, 1));

  decoded_.resize(outputs_.size());
  std::vector<std::byte*> targets;
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    decoded_[k].resize(as_size(lattice_rows(at_a_time)) * plan_.outputs()[k].row_bytes);
    targets.push_back(decoded_[k].data());
  }
  const std::size_t lattice_bytes = as_size(lattice_) * plan_.record_bytes();
  for (std::int64_t done = 0; done < count; done += at_a_time) {
    const std::int64_t now = std::min(at_a_time, count - done);
    decode(plan_, first_record + as_size(done) * stride_bytes_, lattice_bytes, as_size(lattice_rows(now)), targets);
    for (std::int64_t i = 0; i < now; ++i) copy_sample(i * lattice_stride_);
  }
}

void SampleDecoder::copy_sample(std::int64_t first_row) {
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const std::size_t row_bytes = plan_.outputs()[k].row_bytes;
    const std::byte* from = decoded_[k].data() + as_size(first_row) * row_bytes;
    if (lattice_step_ == 1) {
      std::memcpy(outputs_[k], from, as_size(size_) * row_bytes);
      outputs_[k] += as_size(size_) * row_bytes;
      continue;
    }
    for (std::int64_t i = 0; i < size_; ++i, from += as_size(lattice_step_) * row_bytes) {
      std::memcpy(outputs_[k], from, row_bytes);
      outputs_[k] += row_bytes;
    }
  }
}

void SampleDecoder::add_rows(const std::byte* records, std::size_t stride, std::int64_t count) {
  if (count >= kShortRun || used_bytes_ > kSmallRecord) {
    decode_scattered();
    decode_rows(records, stride, count);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    scattered_.push_back(records + as_size(i) * stride + plan_.used_begin());
    if (scattered_.size() == plan_.block_records()) decode_scattered();
  }
}

void SampleDecoder::decode_scattered() {
  if (scattered_.empty()) return;
  bring_together();
  // As if the records began where their used bytes do.
  decode_rows(together_.data() - plan_.used_begin(), used_bytes_, static_cast<std::int64_t>(scattered_.size()));
  scattered_.clear();
}

void SampleDecoder::bring_together() {
  together_.resize(scattered_.size() * used_bytes_);
  std::byte* to = together_.data();
  for (std::size_t i = 0; i < scattered_.size(); ++i, to += used_bytes_) {
    if (i + kPrefetchDistance < scattered_.size()) prefetch(scattered_[i + kPrefetchDistance]);
    std::memcpy(to, scattered_[i], used_bytes_);
  }
}

void SampleDecoder::prefetch(const std::byte* record) const {
  __builtin_prefetch(record);
  __builtin_prefetch(record + used_bytes_ - 1);
}

void SampleDecoder::decode_rows(const std::byte* records, std::size_t stride, std::int64_t count) {
  decode(plan_, records, stride, as_size(count), outputs_);
  for (std::size_t k = 0; k < outputs_.size(); ++k) outputs_[k] += as_size(count) * plan_.outputs()[k].row_bytes;
}

void SampleDecoder::check_files() const {
  const Files& files = records_.files();
  if (touched_.size() <= kMaxFilesToAskAbout) {
    for (const std::size_t file : touched_) files[file]->check_after_reading();
  } else if (PageGuard::any_has_faulted()) {
    for (const std::size_t file : touched_) files[file]->check_faults();
  }
}

}  // namespace binfeed
