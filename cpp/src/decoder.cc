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

// Memory of this thread, for what passes from one step to the next.
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
  // What a thread keeps when it has decoded: blocks are that large only where rows are.
  static constexpr std::size_t kMaxKeptBytes = 2 << 20;

  static std::vector<std::byte>& memory() {
    thread_local std::vector<std::byte> memory;
    return memory;
  }
};

// Where the value of a place begins in this block, and how far its rows are apart.
struct Located {
  std::byte* first;
  std::size_t stride;
};

class BlockDecoder {
 public:
  BlockDecoder(const DecodePlan& plan, std::span<const Rows> sources, std::span<std::byte* const> outputs)
      : plan_(plan),
        sources_(sources),
        outputs_(outputs),
        scratch_(plan.scratch_bytes() * plan.block_records()),
        located_(plan.places().size()) {}

  void decode(std::size_t begin, std::size_t rows) {
    for (std::size_t i = 0; i < located_.size(); ++i) located_[i] = locate(plan_.places()[i], begin);
    for (const Pass& pass : plan_.passes()) run(pass, rows);
  }

 private:
  Located locate(const Place& place, std::size_t begin) {
    switch (place.area) {
      case Place::Area::kSource: {
        const auto [first, stride] = sources_[place.index];
        return {const_cast<std::byte*>(first) + begin * stride + place.offset, stride};  // which no pass writes
      }
      case Place::Area::kScratch:
        return {Scratch::bytes() + place.offset * plan_.block_records(), place.bytes};
      default: {
        const std::size_t stride = plan_.row_bytes()[place.index];
        return {outputs_[place.index] + begin * stride + place.offset, stride};
      }
    }
  }

  void run(const Pass& pass, std::size_t rows) {
    const Located source = located_[pass.source];
    if (pass.closes_gaps && source.stride == plan_.places()[pass.source].bytes) {
      located_[pass.target] = source;
      return;
    }
    const Located target = located_[pass.target];
    Block block{source.first, source.stride, target.first, target.stride, rows, pass.elements};
    if (pass.is_uniform && source.stride == pass.elements * pass.source_bytes &&
        target.stride == pass.elements * pass.target_bytes) {
      block.elements *= rows;
      block.records = 1;
    }
    pass.loop(block);
  }

  const DecodePlan& plan_;
  std::span<const Rows> sources_;
  std::span<std::byte* const> outputs_;
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
