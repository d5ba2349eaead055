#include "binfeed/decoder.h"

#include <algorithm>
#include <vector>

#include "pass.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace binfeed {
namespace {

using kernels::Block;

// Memory of this thread for the values between passes.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) {
    if (memory().size() < bytes) memory().resize(bytes);
  }
  ~Scratch() {
    if (memory().size() > kMaxKeptBytes) std::vector<std::byte>().swap(memory());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  static std::byte* bytes() { return memory().data(); }

 private:
  // What a thread keeps between calls. Only very large rows need more.
  static constexpr std::size_t kMaxKeptBytes = 2 << 20;

  static std::vector<std::byte>& memory() {
    thread_local std::vector<std::byte> memory;
    return memory;
  }
};

// Where the values of a place begin, the distance between the rows of a block, and that between rows of the call.
struct Located {
  std::byte* first;
  std::size_t stride;
  std::size_t step;  // 0 for scratch memory, which every block uses anew
};

class BlockDecoder {
 public:
  BlockDecoder(const DecodePlan& plan, std::span<const Rows> sources, std::span<std::byte* const> outputs)
      : plan_(plan), scratch_(plan.scratch_bytes() * plan.block_records()) {
    located_.reserve(plan.places().size());
    for (const Place& place : plan.places()) located_.push_back(locate(place, sources, outputs));
    for (const Pass& pass : plan.passes()) {
      if (is_needless(pass)) located_[pass.target] = located_[pass.source];
    }
  }

  void decode(std::size_t begin, std::size_t rows) {
    for (const Pass& pass : plan_.passes()) {
      if (!is_needless(pass)) run(pass, begin, rows);
    }
  }

 private:
  Located locate(const Place& place, std::span<const Rows> sources, std::span<std::byte* const> outputs) const {
    switch (place.area) {
      case Place::Area::kSource: {
        const auto [first, stride] = sources[place.index];
        return {const_cast<std::byte*>(first) + place.offset, stride, stride};  // no pass writes there
      }
      case Place::Area::kScratch:
        return {Scratch::bytes() + place.offset * plan_.block_records(), place.bytes, 0};
      default: {
        const std::size_t stride = plan_.row_bytes()[place.index];
        return {outputs[place.index] + place.offset, stride, stride};
      }
    }
  }

  // Whether it would close gaps where there are none.
  bool is_needless(const Pass& pass) const {
    return pass.closes_gaps && located_[pass.source].stride == plan_.places()[pass.source].bytes;
  }

  void run(const Pass& pass, std::size_t begin, std::size_t rows) const {
    const Located& source = located_[pass.source];
    const Located& target = located_[pass.target];
    Block block{source.first + begin * source.step,
                source.stride,
                target.first + begin * target.step,
                target.stride,
                rows,
                pass.elements};
    if (pass.other) {
      const Located& other = located_[*pass.other];
      block.other = other.first + begin * other.step;
      block.other_stride = other.stride;
    }
    if (pass.is_uniform && source.stride == pass.elements * pass.source_bytes &&
        target.stride == pass.elements * pass.target_bytes) {
      block.elements *= rows;
      block.records = 1;
    }
    pass.loop(block);
  }

  const DecodePlan& plan_;
  Scratch scratch_;
  std::vector<Located> located_;
};

}  // namespace

void decode(const DecodePlan& plan, std::span<const Rows> sources, std::size_t count,
            std::span<std::byte* const> outputs) {
  BlockDecoder decoder(plan, sources, outputs);
  for (std::size_t begin = 0; begin < count; begin += plan.block_records()) {
    decoder.decode(begin, std::min(plan.block_records(), count - begin));
  }
}

#if defined(__x86_64__)

DefaultFloatingPoint::DefaultFloatingPoint() : saved_(_mm_getcsr()) {
  constexpr unsigned kDefault = 0x1f80;  // all exceptions masked, round to nearest, subnormals kept
  _mm_setcsr(kDefault);
}
DefaultFloatingPoint::~DefaultFloatingPoint() { _mm_setcsr(static_cast<unsigned>(saved_)); }

#elif defined(__aarch64__)

DefaultFloatingPoint::DefaultFloatingPoint() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  const unsigned long long standard = 0;
  asm volatile("msr fpcr, %0" ::"r"(standard));
}
DefaultFloatingPoint::~DefaultFloatingPoint() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

#else

DefaultFloatingPoint::DefaultFloatingPoint() : saved_(0) {}
DefaultFloatingPoint::~DefaultFloatingPoint() = default;

#endif

}  // namespace binfeed
