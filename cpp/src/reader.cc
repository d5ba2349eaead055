#include "binfeed/reader.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>

#include "binfeed/buffer_pool.h"
#include "binfeed/checked.h"
#include "binfeed/decoder.h"
#include "binfeed/mappings.h"
#include "binfeed/page_guard.h"
#include "sample_decoder.h"

namespace binfeed {
namespace {

// The most samples and bytes to read at a time: between blocks, files may be unmapped and signals are handled.
constexpr std::int64_t kBlockPositions = 1 << 14;
constexpr std::int64_t kBlockBytes = 64 << 20;
// The most samples if there are so many files that each sample may be in another one, which has to be mapped.
constexpr std::int64_t kBlockPositionsOfManyFiles = 1 << 10;
constexpr std::size_t kManyFiles = 1 << 12;
constexpr std::int64_t kBlocksOfHistory = 4;
// Bytes to request from the system at a time.
constexpr std::uint64_t kReadAheadBytes = 64 << 20;
// Samples to touch in order to learn whether a stretch is in memory.
constexpr std::int64_t kProbes = 8;
constexpr std::uint64_t kSmallestRead = 4096;
// Up to this many bytes between two ranges, reading them is cheaper than skipping them.
constexpr std::uint64_t kMaxGap = 64 << 10;

// Page faults of this thread that had to wait for the disk.
long major_faults() {
  struct rusage usage{};
#if defined(RUSAGE_THREAD)
  ::getrusage(RUSAGE_THREAD, &usage);
#else
  ::getrusage(RUSAGE_SELF, &usage);
#endif
  return usage.ru_majflt;
}

}  // namespace

Reader::Reader(RecordIndex records, Window window, const Program& program, std::string_view instruction_set)
    : records_(std::move(records)),
      samples_(records_, window),
      output_bytes_(program.outputs.size()),
      sample_bytes_(checked_multiply(window.span(), static_cast<std::int64_t>(records_.layout().record_bytes),
                                     "bytes that a sample spans")) {
  for (const bool is_target : {false, true}) add_part(is_target, program, instruction_set);
  BufferPool::instance().retain();
}

Reader::~Reader() { BufferPool::instance().release(); }

void Reader::add_part(bool is_target, const Program& program, std::string_view instruction_set) {
  std::vector<std::size_t> numbers;
  for (std::size_t k = 0; k < program.outputs.size(); ++k) {
    if (program.outputs[k].is_target == is_target) numbers.push_back(k);
  }
  if (numbers.empty()) return;
  const Window& window = samples_.window();
  const std::int64_t size = is_target ? window.target_size : window.size;
  const auto name_of = [&](std::size_t number) { return "output '" + program.outputs[number].name + "'"; };
  require(size > 0, name_of(numbers[0]) + " is read from a target, but the window has none");

  DecodePlan plan({records_.layout().record_bytes}, program, numbers, instruction_set);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    output_bytes_[numbers[i]] = checked_output_bytes(static_cast<std::uint64_t>(size), plan.row_bytes()[i],
                                                     "a sample of " + name_of(numbers[i]) + " (records x bytes)");
  }
  parts_.push_back(
      {window.history + (is_target ? window.target_offset : 0), size, std::move(plan), std::move(numbers)});
}

std::int64_t Reader::block_positions() const {
  const std::size_t files = records_.files().size();
  const std::int64_t most = files < kManyFiles ? kBlockPositions : kBlockPositionsOfManyFiles;
  // The bytes that a sample adds to the one before: samples that overlap are decoded together.
  const auto record_bytes = static_cast<std::int64_t>(records_.layout().record_bytes);
  std::int64_t stride_bytes = 0;
  const bool is_huge = __builtin_mul_overflow(samples_.window().stride, record_bytes, &stride_bytes);
  const std::int64_t bytes = is_huge ? sample_bytes_ : std::min(sample_bytes_, stride_bytes);
  // Each time, the history of the first sample is computed anew.
  return std::clamp<std::int64_t>(kBlockBytes / bytes, 1, std::max(most, kBlocksOfHistory * samples_.window().history));
}

void Reader::read(const Order& order, std::int64_t position, std::int64_t count, std::span<std::byte* const> outputs,
                  const std::function<void()>& between_blocks) const {
  const DefaultFloatingPoint floating_point;
  PageGuard::install_handler();
  std::vector<SampleDecoder> decoders;
  for (const Part& part : parts_) {
    std::vector<std::byte*> targets;
    for (const std::size_t k : part.outputs) targets.push_back(outputs[k]);
    decoders.emplace_back(records_, samples_, part.first, part.size, part.plan, std::move(targets));
  }
  const std::int64_t at_a_time = block_positions();
  std::vector<Run> runs;
  while (count > 0) {
    const std::int64_t now = std::min(count, at_a_time);
    if (count > now) read_ahead(order, position + now, std::min(count - now, at_a_time));
    runs.clear();
    order.append_runs(position, now, runs);
    {
      const Mappings::Use use;
      for (SampleDecoder& decoder : decoders) decoder.add(runs);
      for (SampleDecoder& decoder : decoders) decoder.finish();
    }
    position += now;
    count -= now;
    if (count > 0) between_blocks();
  }
}

void Reader::advise(AccessPattern pattern) const noexcept {
  const Mappings::Use use;
  for (const auto& file : records_.files()) file->advise(pattern);
}

void Reader::read_ahead(const Order& order, std::int64_t position, std::int64_t count) const {
  order.check(position, count);
  try {
    const Mappings::Use use;
    if (!is_in_memory(order, position, count)) request(order, position, count);
  } catch (const std::exception&) {
    // The error is reported when the samples are read.
  }
}

void Reader::request(const Order& order, std::int64_t position, std::int64_t count) const {
  std::vector<Run> runs;
  const Order::Enough enough{.samples = static_cast<std::int64_t>(kReadAheadBytes) / sample_bytes_ + 1,
                             .runs = static_cast<std::int64_t>(kReadAheadBytes / kSmallestRead)};
  order.append_reach(position, count, enough, runs);
  std::vector<Range> ranges;
  std::uint64_t bytes = 0;
  for (auto run = runs.begin(); run != runs.end() && bytes < kReadAheadBytes; ++run) {
    const std::size_t before = ranges.size();
    append_ranges(*run, ranges);
    for (std::size_t i = before; i < ranges.size(); ++i) {
      bytes += std::max(ranges[i].end - ranges[i].begin, kSmallestRead);
    }
  }

  // In the order of the files, and merged where reading the gap is cheaper than another request.
  std::sort(ranges.begin(), ranges.end());
  auto range = ranges.begin();
  while (range != ranges.end()) {
    Range merged = *range++;
    while (range != ranges.end() && range->file == merged.file && range->begin <= merged.end + kMaxGap) {
      merged.end = std::max(merged.end, (range++)->end);
    }
    records_.files()[merged.file]->will_need(merged.begin, merged.end);
  }
}

bool Reader::is_in_memory(const Order& order, std::int64_t position, std::int64_t count) const {
  PageGuard::install_handler();
  const long before = major_faults();
  const std::int64_t distance = std::max<std::int64_t>(count / kProbes, 1);
  std::vector<Run> runs;
  std::vector<Range> ranges;
  for (std::int64_t probe = 0; probe < count; probe += distance) {
    runs.clear();
    ranges.clear();
    order.append_runs(position + probe, 1, runs);
    append_ranges(runs[0], ranges);
    for (const Range& range : ranges) {
      static_cast<void>(*static_cast<const volatile std::byte*>(records_.files()[range.file]->bytes() + range.begin));
    }
    if (major_faults() > before) return false;
  }
  return true;
}

// The bytes from the first to the last record of successive samples, one range per file.
void Reader::append_ranges(Run run, std::vector<Range>& ranges) const {
  while (run.count > 0) {
    const SampleIndex::Stretch stretch = samples_.locate(run.first);
    const std::int64_t here = std::min(run.count, stretch.end - run.first);
    ranges.push_back({stretch.file, stretch.offset_of(run.first),
                      stretch.offset_of(run.first + here - 1) + static_cast<std::uint64_t>(sample_bytes_)});
    run.first += here;
    run.count -= here;
  }
}

}  // namespace binfeed
