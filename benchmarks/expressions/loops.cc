// The loops to beat: each written by hand for one set of features, compiled for exactly this machine.
#include <cmath>
#include <cstddef>
#include <cstring>

namespace {

constexpr std::size_t kTick = 48;

inline double get(const unsigned char* from) {
  double value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline double bid_of(const unsigned char* tick) { return get(tick + 16); }
inline double ask_of(const unsigned char* tick) { return get(tick + 24); }
inline double mid_of(const unsigned char* tick) { return (ask_of(tick) + bid_of(tick)) / 2; }

}  // namespace

extern "C" {

void prices(const unsigned char* ticks, std::size_t count, float* block) {
  for (std::size_t r = 0; r < count; ++r) {
    const unsigned char* tick = ticks + r * kTick;
    block[r * 2] = static_cast<float>(ask_of(tick) - bid_of(tick));
    block[r * 2 + 1] = static_cast<float>(mid_of(tick));
  }
}

// The first tick is the one before those that get a row.
void returns(const unsigned char* ticks, std::size_t count, float* block) {
  double before = std::log(mid_of(ticks));
  for (std::size_t r = 1; r < count; ++r) {
    const unsigned char* tick = ticks + r * kTick;
    const double mid = mid_of(tick);
    const double logarithm = std::log(mid);
    float* row = block + (r - 1) * 3;
    row[0] = static_cast<float>(ask_of(tick) - bid_of(tick));
    row[1] = static_cast<float>(mid);
    row[2] = static_cast<float>(logarithm - before);
    before = logarithm;
  }
}

}  // extern "C"
