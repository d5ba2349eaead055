// The loops to beat: each written by hand for one record, compiled for exactly this machine. `order` is null, or says
// which record comes next.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

template <typename T>
inline T get(const unsigned char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

constexpr std::size_t kTick = 48;
constexpr std::size_t kAhead = 16;

inline void tick_row(const unsigned char* tick, float* row) {
  row[0] = static_cast<float>(static_cast<double>(get<std::int64_t>(tick + 16)) * 1e-9);
  row[1] = static_cast<float>(get<std::uint32_t>(tick + 24));
  row[2] = get<float>(tick + 28);
  row[3] = get<float>(tick + 32);
  row[4] = static_cast<float>(get<std::uint32_t>(tick + 36));
  row[5] = static_cast<float>(get<double>(tick + 40));
}

}  // namespace

extern "C" {

void images(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  auto* const image = static_cast<float*>(outputs[0]);
  auto* const label = static_cast<std::int32_t*>(outputs[1]);
  for (std::size_t r = 0; r < records; ++r) {
    const unsigned char* record = in + r * 3073;
    label[r] = record[0];
    float* row = image + r * 3072;
    for (std::size_t i = 0; i < 3072; ++i) row[i] = static_cast<float>(record[1 + i]) / 255.0f;
  }
}

void ticks_block(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  auto* const block = static_cast<float*>(outputs[0]);
  for (std::size_t r = 0; r < records; ++r) tick_row(in + r * kTick, block + r * 6);
}

void ticks_random(const unsigned char* in, const std::int64_t* order, std::size_t records, void* const* outputs) {
  auto* const block = static_cast<float*>(outputs[0]);
  for (std::size_t r = 0; r < records; ++r) {
    if (r + kAhead < records) __builtin_prefetch(in + static_cast<std::size_t>(order[r + kAhead]) * kTick);
    tick_row(in + static_cast<std::size_t>(order[r]) * kTick, block + r * 6);
  }
}

void ticks_columns(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  float* const columns[6] = {static_cast<float*>(outputs[0]), static_cast<float*>(outputs[1]),
                             static_cast<float*>(outputs[2]), static_cast<float*>(outputs[3]),
                             static_cast<float*>(outputs[4]), static_cast<float*>(outputs[5])};
  for (std::size_t r = 0; r < records; ++r) {
    float row[6];
    tick_row(in + r * kTick, row);
    for (std::size_t c = 0; c < 6; ++c) columns[c][r] = row[c];
  }
}

void kmers(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  auto* const kmer = static_cast<double*>(outputs[0]);
  auto* const count = static_cast<std::int64_t*>(outputs[1]);
  for (std::size_t r = 0; r < records; ++r) {
    const unsigned char* record = in + r * 10;
    kmer[r] = static_cast<double>(get<std::uint32_t>(record));
    count[r] = static_cast<std::int64_t>(get<std::uint32_t>(record + 4) |
                                         static_cast<std::uint64_t>(get<std::uint16_t>(record + 8)) << 32);
  }
}

void rows(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  auto* const out = static_cast<float*>(outputs[0]);
  const auto* const mean = static_cast<const float*>(outputs[1]);
  const auto* const std = static_cast<const float*>(outputs[2]);
  for (std::size_t r = 0; r < records; ++r) {
    const unsigned char* record = in + r * 540;
    float* row = out + r * 135;
    for (std::size_t i = 0; i < 135; ++i) row[i] = (get<float>(record + i * 4) - mean[i]) / std[i];
  }
}

void clicks(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  auto* const label = static_cast<float*>(outputs[0]);
  auto* const dense = static_cast<float*>(outputs[1]);
  auto* const small = static_cast<std::int32_t*>(outputs[2]);
  auto* const medium = static_cast<std::int32_t*>(outputs[3]);
  auto* const large = static_cast<std::int32_t*>(outputs[4]);
  for (std::size_t r = 0; r < records; ++r) {
    const unsigned char* record = in + r * 89;
    label[r] = static_cast<float>(record[0]);
    for (std::size_t i = 0; i < 13; ++i) dense[r * 13 + i] = static_cast<float>(get<_Float16>(record + 1 + 2 * i));
    for (std::size_t i = 0; i < 8; ++i) small[r * 8 + i] = get<std::int8_t>(record + 27 + i);
    for (std::size_t i = 0; i < 9; ++i) medium[r * 9 + i] = get<std::int16_t>(record + 35 + 2 * i);
    for (std::size_t i = 0; i < 9; ++i) large[r * 9 + i] = get<std::int32_t>(record + 53 + 4 * i);
  }
}

void frames(const unsigned char* in, const std::int64_t*, std::size_t records, void* const* outputs) {
  auto* const out = static_cast<float*>(outputs[0]);
  for (std::size_t i = 0; i < records * 64; ++i) {
    const auto bits = __builtin_bswap16(get<std::uint16_t>(in + i * 2));
    out[i] = static_cast<float>(static_cast<std::int16_t>(bits)) * 0.195f;
  }
}

}  // extern "C"
