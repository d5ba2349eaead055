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

// Calling memcpy takes longer than copying a few bytes. Two pieces may overlap.
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

void RecordDecoder::add(const std::byte* records, std::size_t stride, std::int64_t count) {
  if (count >= kShortRun || !is_small()) {
    flush();
    decode_rows(records, stride, count);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) add_small(records + as_size(i) * stride);
}

void RecordDecoder::flush() {
  if (scattered_.empty()) return;
  bring_together();
  // As if the records began where their used bytes do.
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

void RecordDecoder::decode_rows(const std::byte* records, std::size_t stride, std::int64_t count) {
  const Rows rows{records, stride};
  decode(plan_, {&rows, 1}, as_size(count), outputs_);
  for (std::size_t k = 0; k < outputs_.size(); ++k) outputs_[k] += as_size(count) * plan_.row_bytes()[k];
}

}  // namespace binfeed
