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

// How many runs ahead a sample is prefetched, and how much of it. RecordDecoder prefetches small records itself.
constexpr std::size_t kSamplesAhead = 2;
constexpr std::size_t kSamplePrefetchBytes = 4096;
constexpr std::size_t kCacheLine = 64;
// Decoded rows that overlapping samples share at a time: they should fit into the second-level cache.
constexpr std::size_t kOverlapBytes = 128 << 10;
// The most memory for the rows of a sample and those between them, where these are decoded for a plan that looks back.
constexpr std::size_t kMaxLatticeBytes = 16 << 20;

std::size_t as_size(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

SampleDecoder::SampleDecoder(const RecordIndex& records, const SampleIndex& samples, std::int64_t first,
                             std::int64_t size, const DecodePlan& plan, std::vector<std::byte*> outputs)
    : records_(records),
      samples_(samples),
      plan_(plan),
      rows_(plan, std::move(outputs)),
      first_bytes_(as_size(first) * plan.source_bytes()[0]),
      size_(size),
      step_bytes_(as_size(samples.window().dilation) * plan.source_bytes()[0]),
      stride_bytes_(as_size(samples.window().stride) * plan.source_bytes()[0]),
      // A plan that looks back needs all records.
      lattice_(plan.history() > 0 ? 1 : std::gcd(samples.window().dilation, samples.window().stride)),
      lattice_step_(samples.window().dilation / lattice_),
      lattice_stride_(samples.window().stride / lattice_),
      is_touched_(records.files().size()),
      decoded_up_to_(rows_.outputs()) {}

void SampleDecoder::add(std::span<const Run> runs) {
  const bool is_small_record = size_ == 1 && rows_.is_small();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run run = runs[i];
    if (is_small_record && run.count == 1) {
      if (!stretch_.holds(run.first)) enter(run.first);
      rows_.add_small(address(run.first));
    } else {
      if (i + kSamplesAhead < runs.size()) prefetch_sample(runs[i + kSamplesAhead].first);
      add(run);
    }
  }
}

void SampleDecoder::add(Run run) {
  while (run.count > 0) {
    if (!stretch_.holds(run.first)) enter(run.first);
    const std::int64_t here = std::min(run.count, stretch_.end - run.first);
    add_samples(address(run.first), here);
    run.first += here;
    run.count -= here;
  }
}

void SampleDecoder::finish() {
  rows_.flush();
  add_up();
  check_files();
  for (const Touched& touched : touched_) is_touched_[touched.file] = false;
  touched_.clear();
  stretch_ = {};
}

void SampleDecoder::enter(std::int64_t sample) {
  stretch_ = samples_.locate(sample);
  const std::size_t file = stretch_.file;
  base_ = records_.files()[file]->bytes() + first_bytes_;
  first_of_file_ = records_.files()[file]->bytes() + records_.layout().header_bytes;
  if (is_touched_[file]) return;
  is_touched_[file] = true;
  touched_.push_back({file, records_.files()[file]->witness()});
  __builtin_prefetch(touched_.back().witness.byte);
}

void SampleDecoder::add_samples(const std::byte* first_record, std::int64_t count) {
  const bool has_gaps = plan_.history() > 0 && (size_ > 1 ? step_bytes_ : stride_bytes_) != plan_.source_bytes()[0];
  if (size_ == 1 && !has_gaps) {
    rows_.add(first_record, stride_bytes_, count, before(first_record));
  } else if (stride_bytes_ == as_size(size_) * step_bytes_ && !has_gaps) {
    rows_.add(first_record, step_bytes_, count * size_, before(first_record));
  } else if (overlaps(count)) {
    add_overlapping(first_record, count);
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::byte* record = first_record + as_size(i) * stride_bytes_;
      rows_.add(record, step_bytes_, size_, before(record));
    }
  }
}

std::size_t SampleDecoder::row_bytes() const {
  return std::accumulate(plan_.row_bytes().begin(), plan_.row_bytes().end(), std::size_t{0});
}

std::size_t SampleDecoder::before(const std::byte* record) const {
  return plan_.history() == 0 ? 0 : static_cast<std::size_t>(record - first_of_file_) / plan_.source_bytes()[0];
}

std::int64_t SampleDecoder::lattice_rows(std::int64_t count) const {
  return (count - 1) * lattice_stride_ + (size_ - 1) * lattice_step_ + 1;
}

// Copying a row is cheaper than decoding it again, but not free. Without the rows between them, each record of a plan
// that looks back takes as many rows as it looks back at.
bool SampleDecoder::overlaps(std::int64_t count) const {
  const auto history = static_cast<std::int64_t>(plan_.history());
  if (history > 0 && as_size(lattice_rows(1)) > kMaxLatticeBytes / std::max<std::size_t>(row_bytes(), 1)) return false;
  const bool is_run = size_ > 1 && step_bytes_ == plan_.source_bytes()[0];
  const std::int64_t rows_of_each = is_run ? size_ + history : size_ * (1 + history);
  return lattice_rows(count) + history <= count * rows_of_each / 2;
}

void SampleDecoder::add_overlapping(const std::byte* first_record, std::int64_t count) {
  rows_.flush();
  // The last rows are decoded again for the samples that follow, so these must be several times the rows of one sample.
  const auto rows = std::max<std::int64_t>(
      static_cast<std::int64_t>(kOverlapBytes / std::max<std::size_t>(row_bytes(), 1)), 8 * lattice_rows(1));
  const std::int64_t at_a_time = std::min(count, std::max<std::int64_t>((rows - lattice_rows(1)) / lattice_stride_, 1));

  decoded_.resize(plan_.row_bytes().size());
  std::vector<std::byte*> targets;
  for (std::size_t k = 0; k < plan_.row_bytes().size(); ++k) {
    decoded_[k].resize(as_size(lattice_rows(at_a_time)) * plan_.row_bytes()[k]);
    targets.push_back(decoded_[k].data());
  }
  const std::size_t lattice_bytes = as_size(lattice_) * plan_.source_bytes()[0];
  for (std::int64_t done = 0; done < count; done += at_a_time) {
    const std::int64_t now = std::min(at_a_time, count - done);
    const std::byte* record = first_record + as_size(done) * stride_bytes_;
    const Rows rows_of_lattice{record, lattice_bytes, before(record)};
    decode(plan_, {&rows_of_lattice, 1}, as_size(lattice_rows(now)), targets);
    for (std::int64_t i = 0; i < now; ++i) copy_sample(i * lattice_stride_);
  }
}

void SampleDecoder::copy_sample(std::int64_t first_row) {
  std::vector<std::byte*>& outputs = rows_.outputs();
  for (std::size_t k = 0; k < plan_.row_bytes().size(); ++k) {
    const std::size_t row_bytes = plan_.row_bytes()[k];
    if (row_bytes == 0) continue;  // nothing was decoded, not even an address
    const std::byte* from = decoded_[k].data() + as_size(first_row) * row_bytes;
    if (lattice_step_ == 1) {
      std::memcpy(outputs[k], from, as_size(size_) * row_bytes);
      outputs[k] += as_size(size_) * row_bytes;
      continue;
    }
    for (std::int64_t i = 0; i < size_; ++i, from += as_size(lattice_step_) * row_bytes) {
      std::memcpy(outputs[k], from, row_bytes);
      outputs[k] += row_bytes;
    }
  }
}

void SampleDecoder::add_up() {
  const auto rows = as_size(size_);
  for (const DecodePlan::Sum& sum : plan_.sums()) {
    const std::size_t sample_bytes = rows * plan_.row_bytes()[sum.output];
    std::byte*& sample = decoded_up_to_[sum.output];
    for (; sample != rows_.outputs()[sum.output]; sample += sample_bytes) sum.accumulate(sample, rows, sum.elements);
  }
}

void SampleDecoder::prefetch_sample(std::int64_t sample) const {
  if (!stretch_.holds(sample)) return;
  const std::byte* bytes = address(sample);
  const std::size_t count = std::min(as_size(size_) * step_bytes_, kSamplePrefetchBytes);
  for (std::size_t at = 0; at < count; at += kCacheLine) __builtin_prefetch(bytes + at);
}

void SampleDecoder::check_files() const {
  // Asking the file system about a file takes a microsecond, so it is asked about every file only if they are few.
  constexpr std::size_t kFew = 64;
  const bool are_few = touched_.size() <= kFew;
  for (const Touched& touched : touched_) {
    if (are_few || !touched.witness.is_true() || PageGuard::any_has_faulted()) {
      records_.files()[touched.file]->check_after_reading();
    }
  }
}

}  // namespace binfeed
