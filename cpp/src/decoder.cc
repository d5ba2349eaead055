#include "binfeed/decoder.h"

#include <algorithm>
#include <vector>

#include "column.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace binfeed {
namespace {

using kernels::Block;

// Two areas per thread, for what passes from one step of a column to the next.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) {
    for (auto& area : areas()) {
      if (area.size() < bytes) area.resize(bytes);
    }
  }
  ~Scratch() {
    for (auto& area : areas()) {
      if (area.size() > kMaxKeptBytes) std::vector<std::byte>().swap(area);
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  // Alternates, so that a step never writes what it reads.
  std::byte* next() { return areas()[turn_ ^= 1].data(); }

 private:
  // What a thread keeps when it has decoded: blocks are that large only where records are.
  static constexpr std::size_t kMaxKeptBytes = 1 << 20;

  static std::vector<std::byte> (&areas())[2] {
    thread_local std::vector<std::byte> areas[2];
    return areas;
  }
  std::size_t turn_ = 0;
};

// Contiguous values need no loop over records, if no operand belongs to an element.
Block flattened(Block block, const Step& step) {
  if (!step.a.is_per_element && block.source_stride == block.elements * step.source_bytes &&
      block.target_stride == block.elements * step.target_bytes) {
    block.elements *= block.records;
    block.records = 1;
  }
  return block;
}

// What was the target of one pass is the source of the next.
void advance(Block& block) {
  block.source = block.target;
  block.source_stride = block.target_stride;
}

void unpack(const Column& column, Block& block, std::byte* scratch) {
  block.target = scratch;
  block.target_stride = column.packed_elements * column.element_bytes;
  block.elements = column.packed_elements;
  column.unpack(block, column.packed_bits, column.packing);
  advance(block);
}

void make_contiguous(const Column& column, Block& block, std::byte* scratch) {
  block.target = scratch;
  block.target_stride = column.elements * column.element_bytes;
  if (column.interleave != nullptr) {
    block.elements = column.elements;
    column.interleave(block, column.planes, column.plane_bytes);
  } else {
    block.elements = column.offsets.size();
    column.gather(block, column.offsets.data());
  }
  advance(block);
}

void copy_rows(const Column& column, Block& block, std::size_t row_bytes) {
  column.copy_rows(block, row_bytes);
  advance(block);
}

void decode_column(const Column& column, const std::byte* records, std::size_t stride, std::size_t count,
                   std::byte* rows, std::size_t row_bytes, Scratch& scratch) {
  Block block{.source = records + column.offset,
              .source_stride = stride,
              .target = nullptr,
              .target_stride = 0,
              .records = count,
              .elements = 0};
  if (column.unpack != nullptr) unpack(column, block, scratch.next());
  if (!column.offsets.empty()) make_contiguous(column, block, scratch.next());
  const std::size_t source_row = column.elements * column.element_bytes;
  if (column.copy_rows != nullptr && block.source_stride != source_row) {
    block.target = scratch.next();
    block.target_stride = source_row;
    copy_rows(column, block, source_row);
  }

  const bool has_gaps = column.copy_rows != nullptr && row_bytes != column.target_bytes;
  for (const Step& step : column.steps) {
    const bool is_last = &step == &column.steps.back() && !has_gaps;
    block.elements = step.elements;
    block.target = is_last ? rows + column.target_offset : scratch.next();
    block.target_stride = is_last ? row_bytes : step.elements * step.target_bytes;
    if (step.convert != nullptr) {
      step.convert(flattened(block, step));
    } else {
      step.compute(flattened(block, step), step.a.bytes.data(), step.b.bytes.data());
    }
    advance(block);
  }
  if (has_gaps) {
    block.target = rows + column.target_offset;
    block.target_stride = row_bytes;
    copy_rows(column, block, column.target_bytes);
  }
}

}  // namespace

void decode(const DecodePlan& plan, const std::byte* records, std::size_t stride, std::size_t count,
            std::span<std::byte* const> outputs) {
  Scratch scratch(plan.scratch_bytes() * plan.block_records());
  for (std::size_t begin = 0; begin < count; begin += plan.block_records()) {
    const std::size_t now = std::min(plan.block_records(), count - begin);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const DecodePlan::Output& output = plan.outputs()[k];
      for (const Column& column : output.columns) {
        decode_column(column, records + begin * stride, stride, now, outputs[k] + begin * output.row_bytes,
                      output.row_bytes, scratch);
      }
    }
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
