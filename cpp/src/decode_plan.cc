#include "binfeed/decode_plan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "binfeed/instruction_set.h"
#include "binfeed/status.h"
#include "column.h"

namespace binfeed {
namespace {

using kernels::Arithmetic;
using kernels::Kernels;
using Code = Operation::Code;

// What passes between the steps of one block should fit the first-level cache, source and target beside it.
constexpr std::size_t kBlockBytes = 12 << 10;
constexpr std::size_t kMaxBlockRecords = 1024;

template <typename Number>
std::vector<std::byte> as_bytes(const std::vector<double>& numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(Number));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = static_cast<Number>(numbers[i]);
    std::memcpy(bytes.data() + i * sizeof number, &number, sizeof number);
  }
  return bytes;
}

// Kernels know operands that are all single or all per element.
Operand make_operand(std::vector<double> numbers, std::size_t count, ElementType type) {
  if (numbers.size() == 1) numbers.resize(count, numbers.front());
  return {type == ElementType::kFloat64 ? as_bytes<double>(numbers) : as_bytes<float>(numbers), count > 1};
}

Arithmetic arithmetic_of(Code code) {
  switch (code) {
    case Code::kMultiply:
      return Arithmetic::kMultiply;
    case Code::kAdd:
      return Arithmetic::kAdd;
    case Code::kSubtract:
      return Arithmetic::kSubtract;
    default:
      return Arithmetic::kDivide;
  }
}

// Two operations that one pass does, with the same roundings.
std::optional<Arithmetic> fused(Code first, Code second) {
  if (first == Code::kMultiply && second == Code::kAdd) return Arithmetic::kMultiplyAdd;
  if (first == Code::kSubtract && second == Code::kDivide) return Arithmetic::kSubtractDivide;
  return std::nullopt;
}

// Turns the operations of one column into steps.
class StepPlanner {
 public:
  StepPlanner(const ColumnSpec& spec, const Kernels& kernels)
      : kernels_(kernels), type_(spec.type), is_swapped_(spec.is_swapped) {}

  std::vector<Step> plan(std::span<const Operation> operations, ElementType target) {
    while (!operations.empty()) {
      if (operations.front().code == Code::kCast) {
        cast(operations.front().type);
        operations = operations.subspan(1);
      } else {
        operations = operations.subspan(compute(operations));
      }
    }
    if (type_ != target) throw Error(ErrorKind::kArgument, "the operations do not end in the output's type");
    if (steps_.empty()) add(convert_kernel(type_), type_);  // nothing but a copy
    return std::move(steps_);
  }

 private:
  kernels::Convert convert_kernel(ElementType to) const {
    return kernels_.convert[index_of(type_)][is_swapped_ ? 1 : 0][index_of(to)];
  }

  void add(kernels::Convert kernel, ElementType to) {
    steps_.push_back({.convert = kernel, .value_bytes = element_bytes(to)});
    type_ = to;
    is_swapped_ = false;
  }

  void cast(ElementType to) {
    if (to != type_) add(convert_kernel(to), to);
  }

  // One step for the first operation, and for the next ones that fit into the same pass; returns how many.
  std::size_t compute(std::span<const Operation> operations) {
    const ElementType computed = compute_type(type_);
    std::size_t used = 1;
    Arithmetic arithmetic = arithmetic_of(operations[0].code);
    std::vector<double> second;
    if (operations.size() > 1) {
      if (const auto both = fused(operations[0].code, operations[1].code)) {
        arithmetic = *both;
        second = operations[1].operand;
        used = 2;
      }
    }
    // Rounding to float32 happens on the way out, too.
    const bool narrows = computed == ElementType::kFloat64 && operations.size() > used &&
                         operations[used].code == Code::kCast && operations[used].type == ElementType::kFloat32;
    const ElementType to = narrows ? ElementType::kFloat32 : computed;
    const std::size_t count = std::max(operations[0].operand.size(), second.size());

    Step step{.value_bytes = element_bytes(to)};
    step.a = make_operand(operations[0].operand, count, computed);
    if (!second.empty()) step.b = make_operand(std::move(second), count, computed);
    step.compute = kernels_.compute[index_of(type_)][is_swapped_ ? 1 : 0][static_cast<std::size_t>(arithmetic)]
                                   [count > 1 ? 1 : 0][to == ElementType::kFloat64 ? 1 : 0];
    steps_.push_back(std::move(step));
    type_ = to;
    is_swapped_ = false;
    return used + (narrows ? 1 : 0);
  }

  const Kernels& kernels_;
  ElementType type_;
  bool is_swapped_;
  std::vector<Step> steps_;
};

// The number of equal planes if `offsets` takes one element of each plane in turn (channels last), else 0.
std::size_t planes_of(std::span<const std::uint32_t> offsets, std::size_t bytes) {
  const auto second = std::find(offsets.begin(), offsets.end(), bytes);
  const auto planes = static_cast<std::size_t>(second - offsets.begin());
  if (second == offsets.end() || planes < 2 || offsets.size() % planes != 0) return 0;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] != (i % planes) * offsets[1] + (i / planes) * bytes) return 0;
  }
  return planes;
}

void check(const ColumnSpec& spec, std::size_t record_bytes) {
  std::uint64_t last = spec.elements == 0 ? 0 : (spec.elements - 1) * element_bytes(spec.type);
  if (!spec.offsets.empty()) {
    if (spec.offsets.size() != spec.elements) {
      throw Error(ErrorKind::kArgument, "a column needs one offset per element");
    }
    last = *std::max_element(spec.offsets.begin(), spec.offsets.end());
  }
  if (spec.elements > 0 && spec.offset + last + element_bytes(spec.type) > record_bytes) {
    throw Error(ErrorKind::kArgument, "a column leaves the record");
  }
  for (const Operation& operation : spec.operations) {
    const std::size_t operands = operation.operand.size();
    if (operation.code != Code::kCast && operands != 1 && operands != spec.elements) {
      throw Error(ErrorKind::kArgument, "an operation needs one operand, or one per element");
    }
  }
}

Column make_column(const ColumnSpec& spec, ElementType target, const Kernels& kernels) {
  const std::size_t bytes = element_bytes(spec.type);
  Column column{.offset = spec.offset, .elements = spec.elements, .element_bytes = bytes};
  if (!spec.offsets.empty()) {
    const auto width = static_cast<std::size_t>(std::countr_zero(bytes));
    column.offsets = spec.offsets;
    column.planes = planes_of(spec.offsets, bytes);
    if (column.planes > 0) {
      column.plane_bytes = spec.offsets[1];
      column.interleave = kernels.interleave[width];
    } else {
      column.gather = kernels.gather[width];
    }
  }
  column.steps = StepPlanner(spec, kernels).plan(spec.operations, target);
  return column;
}

// Bytes per record that lie between this column's passes.
std::size_t scratch_bytes_of(const Column& column) {
  std::size_t widest = column.offsets.empty() ? 0 : column.element_bytes;
  for (std::size_t i = 0; i + 1 < column.steps.size(); ++i) widest = std::max(widest, column.steps[i].value_bytes);
  return widest * column.elements;
}

std::uint64_t end_of(const ColumnSpec& spec) {
  const std::size_t bytes = element_bytes(spec.type);
  if (spec.offsets.empty()) return spec.offset + spec.elements * bytes;
  return spec.offset + *std::max_element(spec.offsets.begin(), spec.offsets.end()) + bytes;
}

}  // namespace

DecodePlan::DecodePlan(std::size_t record_bytes, const std::vector<OutputSpec>& outputs,
                       std::string_view instruction_set)
    : record_bytes_(record_bytes) {
  const Kernels& kernels = kernels_of(instruction_set);
  used_begin_ = record_bytes;
  std::size_t row_bytes = 0;
  for (const OutputSpec& spec : outputs) {
    Output output;
    for (const ColumnSpec& column : spec.columns) {
      check(column, record_bytes);
      if (column.elements == 0) continue;
      output.columns.push_back(make_column(column, spec.type, kernels));
      output.columns.back().target_offset = output.row_bytes;
      output.row_bytes += column.elements * element_bytes(spec.type);
      scratch_bytes_ = std::max(scratch_bytes_, scratch_bytes_of(output.columns.back()));
      used_begin_ = std::min<std::size_t>(used_begin_, column.offset);
      used_end_ = std::max<std::size_t>(used_end_, end_of(column));
    }
    row_bytes += output.row_bytes;
    outputs_.push_back(std::move(output));
  }
  used_begin_ = std::min(used_begin_, used_end_);
  const std::size_t per_record = std::max<std::size_t>({used_end_ - used_begin_, scratch_bytes_, row_bytes, 1});
  block_records_ = std::clamp<std::size_t>(kBlockBytes / per_record, 1, kMaxBlockRecords);
}

DecodePlan::~DecodePlan() = default;
DecodePlan::DecodePlan(DecodePlan&&) noexcept = default;

}  // namespace binfeed
