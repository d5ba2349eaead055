#include "binfeed/record_decoder.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "binfeed/decoder.h"

namespace binfeed {
namespace {

constexpr std::int64_t kShortRun = 16;
constexpr std::size_t kPrefetchDistance = 16;

std::size_t as_size(std::int64_t value) { return static_cast<std::size_t>(value); }

// Calling memcpy takes longer than copying a few bytes. The last two pieces may overlap.
inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t count) {
  constexpr std::size_t kPiece = 16;
  const auto copy_in_pieces_of = [&](auto piece) {
    for (std::size_t at = 0; at + piece <= count; at += piece) std::memcpy(to + at, from + at, piece);
    std::memcpy(to + count - piece, from + count - piece, piece);
  };
  if (count >= kPiece) {
    copy_in_pieces_of(std::integral_constant<std::size_t, kPiece>{});
  } else if (count >= 4) {
    copy_in_pieces_of(std::integral_constant<std::size_t, 4>{});
  } else {
    copy_in_pieces_of(std::integral_constant<std::size_t, 1>{});
  }
}

}  // namespace

RecordDecoder::RecordDecoder(const DecodePlan& plan, std::vector<std::byte*> outputs)
    : plan_(plan), outputs_(std::move(outputs)), used_bytes_(plan.used_end() - plan.used_begin()) {
  scattered_.reserve(plan.block_records());
}

void RecordDecoder::add(const std::byte* records, std::size_t stride, std::int64_t count, std::size_t before) {
  if (count >= kShortRun || !is_small()) {
    flush();
    decode_rows(records, stride, count, before);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) add_small(records + as_size(i) * stride);
}

void RecordDecoder::flush() {
  if (scattered_.empty()) return;
  bring_together();
  // Only the used bytes are there, so the address is where the first record would begin.
  decode_rows(together_.data() - plan_.used_begin(), used_bytes_, static_cast<std::int64_t>(scattered_.size()));
  scattered_.clear();
}

void RecordDecoder::bring_together() {
  together_.resize(scattered_.size() * used_bytes_);
  if (used_bytes_ == 0) return;  // features may select nothing
  std::byte* to = together_.data();
  for (std::size_t i = 0; i < scattered_.size(); ++i, to += used_bytes_) {
    if (i + kPrefetchDistance < scattered_.size()) prefetch(scattered_[i + kPrefetchDistance]);
    copy_bytes(to, scattered_[i], used_bytes_);
  }
}

void RecordDecoder::prefetch(const std::byte* record) const {
  __builtin_prefetch(record);
  __builtin_prefetch(record + used_bytes_ - 1);
}

void RecordDecoder::decode_rows(const std::byte* records, std::size_t stride, std::int64_t count, std::size_t before) {
  const std::size_t record_bytes = plan_.source_bytes()[0];
  if (plan_.history() == 0 || stride == record_bytes) {
    decode_run({records, stride, before}, as_size(count));
    return;
  }
  // The rows that the plan looks back at are the records before each one, which lie closer than the one before here.
  for (std::size_t i = 0; i < as_size(count); ++i) {
    decode_run({records + i * stride, record_bytes, before + i * (stride / record_bytes)}, 1);
  }
}

void RecordDecoder::decode_run(const Rows& rows, std::size_t count) {
  decode(plan_, {&rows, 1}, count, outputs_);
  for (std::size_t k = 0; k < outputs_.size(); ++k) outputs_[k] += count * plan_.row_bytes()[k];
}

}  // namespace binfeed
