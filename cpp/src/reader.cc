#include "binfeed/reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "binfeed/buffer_pool.h"
#include "binfeed/decoder.h"
#include "binfeed/page_guard.h"
#include "binfeed/status.h"

namespace binfeed {
namespace {

constexpr std::int64_t kPositionsAtATime = 1 << 15;
// Shorter runs of small records are first brought together: the loops want many records at equal distances.
constexpr std::int64_t kShortRun = 16;
constexpr std::size_t kSmallRecord = 1024;
constexpr std::size_t kPrefetchDistance = 16;
// Asking the file system about a file takes about a microsecond, so that no more are asked about per read.
constexpr std::size_t kMaxFilesToAskAbout = 64;

// Decodes runs of records one after the other into the rows of the outputs.
class RunDecoder {
 public:
  RunDecoder(const RecordIndex& index, const DecodePlan& plan, std::span<std::byte* const> outputs)
      : index_(index),
        plan_(plan),
        outputs_(outputs.begin(), outputs.end()),
        used_bytes_(plan.used_end() - plan.used_begin()) {}

  void add(Run run) {
    if (run.first < 0 || run.count > index_.size() - run.first) {
      throw Error(ErrorKind::kIndex, "sample " + std::to_string(run.first + run.count - 1) + " is not among the " +
                                         std::to_string(index_.size()) + " there are");
    }
    while (run.count > 0) {
      find_file(run.first);
      const std::int64_t here = std::min(run.count, index_.starts()[file_ + 1] - run.first);
      add(index_.address(file_, run.first), here);
      run.first += here;
      run.count -= here;
    }
  }

  void finish() {
    if (scattered_.empty()) return;
    bring_together();
    // As if the records began where their used bytes do.
    decode_rows(together_.data() - plan_.used_begin(), used_bytes_, scattered_.size());
    scattered_.clear();
  }

  // Throws if a file that was read has lost bytes.
  void check_files() const {
    if (touched_.size() <= kMaxFilesToAskAbout) {
      for (const std::size_t file : touched_) index_.files()[file]->check_after_reading();
    } else if (PageGuard::any_has_faulted()) {
      for (const std::size_t file : touched_) index_.files()[file]->check_faults();
    }
  }

 private:
  void find_file(std::int64_t record) {
    const auto& starts = index_.starts();
    const bool is_here = !touched_.empty() && record >= starts[file_] && record < starts[file_ + 1];
    if (is_here) return;
    file_ = index_.file_of(record);
    if (touched_.size() <= kMaxFilesToAskAbout && std::find(touched_.begin(), touched_.end(), file_) != touched_.end()) {
      return;
    }
    touched_.push_back(file_);
  }

  void add(const std::byte* records, std::int64_t count) {
    const std::size_t stride = plan_.record_bytes();
    if (count >= kShortRun || used_bytes_ > kSmallRecord) {
      finish();
      decode_rows(records, stride, static_cast<std::size_t>(count));
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      scattered_.push_back(records + static_cast<std::size_t>(i) * stride + plan_.used_begin());
      if (scattered_.size() == plan_.block_records()) finish();
    }
  }

  void bring_together() {
    together_.resize(scattered_.size() * used_bytes_);
    std::byte* to = together_.data();
    for (std::size_t i = 0; i < scattered_.size(); ++i, to += used_bytes_) {
      if (i + kPrefetchDistance < scattered_.size()) prefetch(scattered_[i + kPrefetchDistance]);
      std::memcpy(to, scattered_[i], used_bytes_);
    }
  }

  void prefetch(const std::byte* record) const {
    __builtin_prefetch(record);
    __builtin_prefetch(record + used_bytes_ - 1);
  }

  void decode_rows(const std::byte* records, std::size_t stride, std::size_t count) {
    decode(plan_, records, stride, count, outputs_);
    for (std::size_t k = 0; k < outputs_.size(); ++k) outputs_[k] += count * plan_.outputs()[k].row_bytes;
  }

  const RecordIndex& index_;
  const DecodePlan& plan_;
  std::vector<std::byte*> outputs_;
  std::size_t used_bytes_;
  std::size_t file_ = 0;
  std::vector<std::size_t> touched_;  // files; beyond kMaxFilesToAskAbout with repeats
  std::vector<const std::byte*> scattered_;
  std::vector<std::byte> together_;
};

}  // namespace

Reader::Reader(RecordIndex index, DecodePlan plan) : index_(std::move(index)), plan_(std::move(plan)) {
  BufferPool::instance().retain();
}

Reader::~Reader() { BufferPool::instance().release(); }

void Reader::read(const Order& order, std::int64_t position, std::int64_t count,
                  std::span<std::byte* const> outputs) const {
  const DefaultFloatingPoint floating_point;
  PageGuard::install_handler();
  RunDecoder decoder(index_, plan_, outputs);
  std::vector<Run> runs;
  while (count > 0) {
    const std::int64_t now = std::min(count, kPositionsAtATime);
    runs.clear();
    order.append_runs(position, now, runs);
    for (const Run& run : runs) decoder.add(run);
    position += now;
    count -= now;
  }
  decoder.finish();
  decoder.check_files();
}

}  // namespace binfeed
