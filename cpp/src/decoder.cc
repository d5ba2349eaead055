#include "binfeed/decoder.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "binfeed/checked.h"
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
  std::byte* first;  // of row 0 of a block
  std::size_t stride;
  std::size_t step;  // 0 for scratch memory, which every block uses anew

  // The address of a row that lies `before` rows before those of the block that starts at row `begin`.
  std::byte* row(std::size_t begin, std::size_t before) const { return first + begin * step - before * stride; }
};

class BlockDecoder {
 public:
  BlockDecoder(const DecodePlan& plan, std::span<const Rows> sources, std::span<std::byte* const> outputs)
      : plan_(plan), scratch_(plan.scratch_bytes()), before_(sources[0].before) {
    located_.reserve(plan.places().size());
    for (const Place& place : plan.places()) located_.push_back(locate(place, sources, outputs));
    for (const Pass& pass : plan.passes()) {
      if (is_needless(pass)) located_[pass.target] = located_[pass.inputs[0].place];
    }
  }

  void decode(std::size_t begin, std::size_t rows) {
    for (const Pass& pass : plan_.passes()) {
      if (!is_needless(pass)) run(pass, begin, rows);
    }
  }

 private:
  Located locate(const Place& place, std::span<const Rows> sources, std::span<std::byte* const> outputs) const {
    // No pass writes to sources and constants.
    switch (place.area) {
      case Place::Area::kSource: {
        const Rows& rows = sources[place.index];
        return {const_cast<std::byte*>(rows.first) + place.offset, rows.stride, rows.stride};
      }
      case Place::Area::kConstant:
        return {const_cast<std::byte*>(plan_.constants()[place.index].data()), 0, 0};
      case Place::Area::kScratch:
        return {Scratch::bytes() + place.offset + place.before * place.bytes, place.bytes, 0};
      default: {
        const std::size_t stride = plan_.row_bytes()[place.index];
        return {outputs[place.index] + place.offset, stride, stride};
      }
    }
  }

  // Whether it would close gaps where there are none.
  bool is_needless(const Pass& pass) const {
    if (!pass.closes_gaps) return false;
    const std::size_t source = pass.inputs[0].place;
    return located_[source].stride == plan_.places()[source].bytes;
  }

  void run(const Pass& pass, std::size_t begin, std::size_t rows) const {
    const auto first_row = [&](const Input& input) {
      return located_[input.place].row(begin, pass.before + input.lag);
    };
    const Input& input = pass.inputs[0];
    const Located& target = located_[pass.target];
    Block block{.source = first_row(input),
                .source_stride = located_[input.place].stride,
                .target = target.row(begin, pass.before),
                .target_stride = target.stride,
                .records = rows + pass.before,
                .elements = pass.elements,
                .source_is_single = input.is_single};
    for (std::size_t k = 1; k < pass.inputs.size(); ++k) {
      const Input& other = pass.inputs[k];
      block.others[k - 1] = {first_row(other), located_[other.place].stride, other.is_single};
    }
    if (pass.fills > 0) block.filled = rows_to_fill(pass, begin, block.records);
    if (is_one_row(pass)) {
      block.elements *= block.records;
      block.records = 1;
    }
    pass.loop(block);
  }

  // How many of the first rows of a pass are among the first rows of the file that it fills.
  std::size_t rows_to_fill(const Pass& pass, std::size_t begin, std::size_t rows) const {
    const std::size_t first = before_ + begin;  // row of the file, before which `pass.before` rows may be missing
    const std::size_t end = pass.fills + pass.before;
    return first >= end ? 0 : std::min(rows, end - first);
  }

  // Whether the rows follow one another without gaps, in the target and in each input.
  bool is_one_row(const Pass& pass) const {
    if (!pass.is_uniform || located_[pass.target].stride != pass.elements * pass.target_bytes) return false;
    return std::ranges::all_of(pass.inputs, [&](const Input& input) {
      const std::size_t stride = located_[input.place].stride;
      return stride == (input.is_single ? 0 : pass.elements * input.bytes);
    });
  }

  const DecodePlan& plan_;
  Scratch scratch_;
  std::size_t before_;
  std::vector<Located> located_;
};

void decode_blocks(const DecodePlan& plan, std::span<const Rows> sources, std::size_t count,
                   std::span<std::byte* const> outputs) {
  BlockDecoder decoder(plan, sources, outputs);
  for (std::size_t begin = 0; begin < count; begin += plan.block_records()) {
    decoder.decode(begin, std::min(plan.block_records(), count - begin));
  }
}

// The rows that lack some of the rows that the plan looks back at: they are decoded in memory that has zeros there.
// Only the used bytes of rows are in it, so the address is where the first row would begin.
std::size_t decode_first(const DecodePlan& plan, const Rows& rows, std::size_t count,
                         std::span<std::byte* const> outputs) {
  const std::size_t missing = plan.history() - rows.before;
  const std::size_t now = std::min(count, missing);
  const std::size_t bytes = plan.used_end() - plan.used_begin();
  std::vector<std::byte> together((plan.history() + now) * bytes);
  std::byte* to = together.data() + missing * bytes;
  const std::byte* from = rows.first - rows.before * rows.stride + plan.used_begin();
  const std::size_t copied = bytes > 0 ? rows.before + now : 0;  // features may be constant
  for (std::size_t row = 0; row < copied; ++row, to += bytes, from += rows.stride) std::memcpy(to, from, bytes);
  const Rows complete{together.data() + plan.history() * bytes - plan.used_begin(), bytes, rows.before};
  decode_blocks(plan, {&complete, 1}, now, outputs);
  return now;
}

}  // namespace

void decode(const DecodePlan& plan, std::span<const Rows> sources, std::size_t count,
            std::span<std::byte* const> outputs) {
  if (plan.history() <= sources[0].before || count == 0) {
    decode_blocks(plan, sources, count, outputs);
    return;
  }
  require(sources.size() == 1, "only the records of files have a history");
  Rows rest = sources[0];
  const std::size_t done = decode_first(plan, rest, count, outputs);
  if (done == count) return;
  rest.first += done * rest.stride;
  rest.before += done;
  std::vector<std::byte*> targets(outputs.begin(), outputs.end());
  for (std::size_t k = 0; k < targets.size(); ++k) targets[k] += done * plan.row_bytes()[k];
  decode(plan, {&rest, 1}, count - done, targets);
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
