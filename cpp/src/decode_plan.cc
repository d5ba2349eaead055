#include "binfeed/decode_plan.h"

#include <algorithm>
#include <utility>

#include "binfeed/checked.h"
#include "binfeed/decoder.h"
#include "binfeed/instruction_set.h"
#include "binfeed/status.h"
#include "lowering.h"
#include "pass.h"

namespace binfeed {
namespace {

// The values between the passes of one block should fit into the first-level cache, along with source and target.
constexpr std::size_t kBlockBytes = 12 << 10;
constexpr std::size_t kMaxBlockRecords = 1024;
// Rows before those of a block are computed again for each block, so a block has several times as many, as long as it
// fits into the second-level cache.
constexpr std::size_t kRowsPerHistory = 8;
constexpr std::size_t kHistoryBlockBytes = 128 << 10;

std::size_t block_records_of(std::size_t row_bytes, std::size_t history) {
  const std::size_t rows = std::clamp<std::size_t>(kBlockBytes / row_bytes, 1, kMaxBlockRecords);
  const std::size_t most = std::max(history, kHistoryBlockBytes / row_bytes);
  return std::max(rows, std::min(kRowsPerHistory * history, most));
}

}  // namespace

DecodePlan::DecodePlan(std::vector<std::size_t> source_bytes, const Program& program,
                       const std::vector<std::size_t>& outputs, std::string_view instruction_set)
    : source_bytes_(std::move(source_bytes)) {
  require(!source_bytes_.empty(), "a plan needs at least one source");
  const DefaultFloatingPoint floating_point;  // operands are rounded to the compute types
  const kernels::Kernels& kernels = kernels_of(instruction_set);
  Lowering lowered(source_bytes_, program, outputs, kernels);
  used_begin_ = lowered.used[0].begin;
  used_end_ = lowered.used[0].end;
  std::size_t source_row = 0;
  for (const Range& range : lowered.used)
    source_row = checked_add(source_row, range.end - range.begin, "bytes of rows");
  std::size_t row = 0;
  for (const std::size_t bytes : lowered.row_bytes) row = checked_add(row, bytes, "bytes of all rows");
  std::size_t widest = 1;
  for (const Place& place : lowered.places) {
    if (place.area == Place::Area::kScratch) widest = std::max(widest, place.bytes);
  }
  history_ = lowered.history;
  block_records_ = block_records_of(std::max({source_row, widest, row}), history_);
  lowered.assign_scratch(block_records_);
  passes_ = std::move(lowered.passes);
  places_ = std::move(lowered.places);
  constants_ = std::move(lowered.constants);
  row_bytes_ = std::move(lowered.row_bytes);
  scratch_bytes_ = lowered.scratch_bytes;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const OutputSpec& output = program.outputs[outputs[k]];
    const auto loop = kernels.accumulate[index_of(output.type)];
    if (output.is_cumulative) sums_.push_back({k, row_bytes_[k] / element_bytes(output.type), loop});
  }
}

DecodePlan::~DecodePlan() = default;
DecodePlan::DecodePlan(DecodePlan&&) noexcept = default;

}  // namespace binfeed
