#include "binfeed/decode_plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "binfeed/checked.h"
#include "binfeed/decoder.h"
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
constexpr std::size_t kShortRow = 32;

template <typename Number>
std::vector<std::byte> as_bytes(const std::vector<double>& numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(Number));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = static_cast<Number>(numbers[i]);
    std::memcpy(bytes.data() + i * sizeof number, &number, sizeof number);
  }
  return bytes;
}

Operand make_operand(const std::vector<double>& numbers, ElementType type, bool is_per_element) {
  return {type == ElementType::kFloat64 ? as_bytes<double>(numbers) : as_bytes<float>(numbers), is_per_element};
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

// Whether kernels' quotient() of x, or of x - subtracted, is the rounded quotient of every value x of the type.
bool divides_exactly(ElementType type, float subtracted, float divisor, float reciprocal) {
  const bool is_signed = type == ElementType::kInt8 || type == ElementType::kInt16;
  const std::int32_t count = element_bytes(type) == 1 ? 1 << 8 : 1 << 16;
  const std::int32_t lowest = is_signed ? -count / 2 : 0;
  for (std::int32_t value = lowest; value < lowest + count; ++value) {
    const float x = static_cast<float>(value) - subtracted;
    const float estimate = x * reciprocal;
    const float quotient = std::fma(std::fma(-estimate, divisor, x), reciprocal, estimate);
    if (std::bit_cast<std::uint32_t>(quotient) != std::bit_cast<std::uint32_t>(x / divisor)) return false;
  }
  return true;
}

// The arithmetic that divides without dividing, if it gives the same bits: then the reciprocals are put behind the
// divisors. `subtracted` are the first operands of (x - a) / b.
std::optional<Arithmetic> as_quotient(Arithmetic arithmetic, ElementType type, const std::vector<double>& subtracted,
                                      std::vector<double>& divisors) {
  constexpr std::size_t kMaxValuesToTry = 1 << 19;
  const bool is_divide = arithmetic == Arithmetic::kDivide;
  if (!kernels::has_quotient(type) || (!is_divide && arithmetic != Arithmetic::kSubtractDivide)) return std::nullopt;
  std::set<std::pair<float, float>> pairs;
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    if (std::isnan(divisors[i]) || (!is_divide && std::isnan(subtracted[i]))) return std::nullopt;
    pairs.emplace(is_divide ? 0.0F : static_cast<float>(subtracted[i]), static_cast<float>(divisors[i]));
  }
  if (pairs.size() * (std::size_t{1} << (8 * element_bytes(type))) > kMaxValuesToTry) return std::nullopt;
  for (const auto& [minus, divisor] : pairs) {
    if (!divides_exactly(type, minus, divisor, 1 / divisor)) return std::nullopt;
  }
  for (std::size_t i = 0, count = divisors.size(); i < count; ++i) {
    divisors.push_back(1 / static_cast<float>(divisors[i]));
  }
  return is_divide ? Arithmetic::kQuotient : Arithmetic::kSubtractQuotient;
}

template <typename Value>
Operand as_operand(const Value& value) {
  Operand operand{std::vector<std::byte>(sizeof value)};
  std::memcpy(operand.bytes.data(), &value, sizeof value);
  return operand;
}

// Turns the operations of one column into steps.
class StepPlanner {
 public:
  StepPlanner(const ColumnSpec& spec, const Kernels& kernels)
      : kernels_(kernels), elements_(spec.elements), type_(spec.type), is_swapped_(spec.is_swapped) {}

  std::vector<Step> plan(std::span<const Operation> operations, ElementType target) {
    while (!operations.empty()) operations = operations.subspan(take(operations));
    make_native();
    if (type_ != target) throw Error(ErrorKind::kArgument, "the operations do not end in the output's type");
    if (steps_.empty()) add({.convert = convert_kernel(type_)}, type_);  // nothing but a copy
    return std::move(steps_);
  }

 private:
  using Entry = std::array<kernels::Compute, 2>;

  // One step for the first operation, and for the next ones that fit into the same pass; returns how many.
  std::size_t take(std::span<const Operation> operations) {
    const Operation& operation = operations.front();
    switch (operation.code) {
      case Code::kCast:
        cast(operation.type);
        return 1;
      case Code::kLog1p:
        cast(compute_type(type_));
        add_native({.compute = kernels_.log1p[type_ == ElementType::kFloat64 ? 1 : 0]}, type_);
        return 1;
      case Code::kClip:
        add_with_words(kernels_.clip, operation, value_type(type_));
        return 1;
      case Code::kFill:
        add_with_words(kernels_.fill, operation, value_type(type_));
        return 1;
      case Code::kIsMissing:
        add_with_words(kernels_.is_missing, operation, ElementType::kBool);
        return 1;
      case Code::kBits:
        take_bits(operation);
        return 1;
      case Code::kCodes:
        look_up(operation);
        return 1;
      case Code::kOneHot:
        spread(operation);
        return 1;
      default:
        return compute(operations);
    }
  }

  // What a table has for the values as they are, in either byte order.
  template <typename Table>
  const auto& entry_of(const Table& table) const {
    return table[index_of(type_)][is_swapped_ ? 1 : 0];
  }

  kernels::Convert convert_kernel(ElementType to) const { return entry_of(kernels_.convert)[index_of(to)]; }

  void add(Step step, ElementType to) {
    if (step.convert == nullptr && step.compute == nullptr) {
      throw Error(ErrorKind::kArgument, "no loop does this operation on " + std::string(element_name(type_)));
    }
    step.elements = step.elements == 0 ? elements_ : step.elements;
    step.source_bytes = step.source_bytes == 0 ? element_bytes(type_) : step.source_bytes;
    step.target_bytes = step.target_bytes == 0 ? element_bytes(to) : step.target_bytes;
    steps_.push_back(std::move(step));
    type_ = to;
    is_swapped_ = false;
  }

  // A step whose loop knows one byte order only, the machine's.
  void add_native(Step step, ElementType to) {
    if (is_swapped_) throw Error(ErrorKind::kArgument, "an operation meets values in the other byte order");
    add(std::move(step), to);
  }

  // The values are in the machine's byte order afterwards, also where they have the type already.
  void cast(ElementType to) {
    if (index_of(to) >= kOutputTypes) {
      throw Error(ErrorKind::kArgument, std::string(element_name(to)) + " is only found in records");
    }
    if (to != type_ || is_swapped_) add({.convert = convert_kernel(to)}, to);
  }

  // As a type that outputs may have.
  void make_native() { cast(value_type(type_)); }

  static void require_words(const Operation& operation, std::size_t count) {
    if (operation.words.size() < count) throw Error(ErrorKind::kArgument, "an operation lacks its words");
  }

  void add_with_words(const Kernels::PerType<Entry>& kernels, const Operation& operation, ElementType to) {
    require_words(operation, 2);
    // Halves have no comparisons of their own.
    const bool is_half = type_ == ElementType::kFloat16 || type_ == ElementType::kBfloat16;
    const ElementType half = type_;
    if (is_half) cast(ElementType::kFloat32);
    Step step{.compute = entry_of(kernels)};
    step.a = as_operand(operation.words[0]);
    step.b = as_operand(operation.words[1]);
    add(std::move(step), is_half && to == half ? ElementType::kFloat32 : to);
    if (is_half && to == half) cast(half);
  }

  void take_bits(const Operation& operation) {
    require_words(operation, 3);
    const ElementType from = value_type(type_);
    const std::uint64_t start = operation.words[0];
    const std::uint64_t width = operation.words[1];
    const std::uint64_t bits = 8 * element_bytes(from);
    if (width == 0 || width > bits || start > bits - width) {
      throw Error(ErrorKind::kArgument, "a bit-field leaves its integer");
    }
    const bool is_signed = operation.words[2] != 0;
    const kernels::BitField field{static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(width), is_signed};
    add({.compute = entry_of(kernels_.bits), .a = as_operand(field)}, integer_type(element_bytes(from), is_signed));
  }

  static ElementType integer_type(std::size_t bytes, bool is_signed) {
    // Signed and unsigned alternate from int8 on, the narrowest first.
    const auto step = static_cast<std::size_t>(std::countr_zero(bytes)) * 2 + (is_signed ? 0 : 1);
    return static_cast<ElementType>(index_of(ElementType::kInt8) + step);
  }

  void look_up(const Operation& operation) {
    require_words(operation, 2);
    const std::span words(operation.words);
    const std::size_t key_bytes = words[0];
    const std::size_t count = (words.size() - 2) / 2;
    if (key_bytes == 0 || key_bytes > 8 || element_bytes(type_) != 1 || elements_ % key_bytes != 0) {
      throw Error(ErrorKind::kArgument, "keys must have 1 to 8 bytes and fit their field");
    }
    elements_ /= key_bytes;
    Step step{.compute = kernels_.codes, .source_bytes = key_bytes};
    for (std::size_t i = 0; i < count; ++i) {
      step.keys.push_back(words[2 + i]);
      step.codes.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(words[2 + count + i])));
    }
    const auto otherwise = static_cast<std::int32_t>(static_cast<std::int64_t>(words[1]));
    step.a = as_operand(kernels::Codes{step.keys.data(), step.codes.data(), count, key_bytes, otherwise});
    add_native(std::move(step), ElementType::kInt32);  // moves the vectors, whose data stays where it is
  }

  void spread(const Operation& operation) {
    require_words(operation, 1);
    const std::size_t depth = operation.words[0];
    if (depth == 0) throw Error(ErrorKind::kArgument, "a one_hot has at least one class");
    const std::size_t depth_bytes = checked_output_bytes(depth, sizeof(float), "bytes of a one_hot");
    make_native();
    add_native({.compute = kernels_.one_hot[index_of(type_)], .a = as_operand(depth), .target_bytes = depth_bytes},
               ElementType::kFloat32);
    elements_ = checked_multiply(elements_, depth, "elements of a one_hot");
  }

  void require_operand(const std::vector<double>& operand) const {
    if (operand.size() != 1 && operand.size() != elements_) {
      throw Error(ErrorKind::kArgument, "an operation needs one operand, or one per element");
    }
  }

  std::size_t compute(std::span<const Operation> operations) {
    const ElementType computed = compute_type(type_);
    std::size_t used = 1;
    Arithmetic arithmetic = arithmetic_of(operations[0].code);
    std::vector<double> first = operations[0].operand;
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
    require_operand(first);
    if (used == 2) require_operand(second);
    const std::size_t count = std::max(first.size(), second.size());
    // Kernels know operands that are all single or all per element.
    for (auto* operand : {&first, &second}) {
      if (operand->size() == 1) operand->resize(count, operand->front());
    }
    arithmetic = as_quotient(arithmetic, type_, first, second.empty() ? first : second).value_or(arithmetic);
    Step step{.a = make_operand(first, computed, count > 1), .b = make_operand(second, computed, count > 1)};
    step.compute = entry_of(
        kernels_.compute)[static_cast<std::size_t>(arithmetic)][count > 1 ? 1 : 0][to == ElementType::kFloat64 ? 1 : 0];
    add(std::move(step), to);
    return used + (narrows ? 1 : 0);
  }

  const Kernels& kernels_;
  std::size_t elements_;
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

// Bytes of the record from the column's offset to its end.
std::uint64_t extent(const ColumnSpec& spec) {
  const std::size_t bytes = element_bytes(spec.type);
  if (spec.packing.packing != Packing::kNone) {
    const std::uint64_t bits = checked_multiply(spec.packed_elements, spec.packing.bits, "bits of a packed field");
    return bits / 8 + (bits % 8 > 0 ? 1 : 0);
  }
  if (spec.offsets.empty()) return checked_multiply(spec.elements, bytes, "bytes of a field");
  return *std::max_element(spec.offsets.begin(), spec.offsets.end()) + bytes;
}

void check(const ColumnSpec& spec, std::size_t record_bytes) {
  if (!spec.offsets.empty() && spec.offsets.size() != spec.elements) {
    throw Error(ErrorKind::kArgument, "a column needs one offset per element");
  }
  if (checked_add(spec.offset, extent(spec), "end of a field") > record_bytes) {
    throw Error(ErrorKind::kArgument, "a column leaves the record");
  }
}

void plan_unpacking(const ColumnSpec& spec, const Kernels& kernels, Column& column) {
  const bool is_signed = spec.type == ElementType::kInt8 || spec.type == ElementType::kInt16;
  const std::size_t bits = spec.packing.bits;
  const std::size_t last = spec.offsets.empty() ? 0 : *std::max_element(spec.offsets.begin(), spec.offsets.end());
  const std::size_t used = spec.offsets.empty() ? spec.elements : last / column.element_bytes + 1;
  const bool is_pair = spec.packing.packing == Packing::kWfdb212;
  if (bits == 0 || bits > 16 || (is_pair && bits != 12) || column.element_bytes != (bits <= 8 ? 1u : 2u) ||
      used > spec.packed_elements) {
    throw Error(ErrorKind::kArgument, "packed numbers do not fit their type");
  }
  column.unpack = kernels.unpack[is_signed ? 1 : 0];
  column.packing = spec.packing.packing;
  column.packed_bits = bits;
  column.packed_elements = spec.packed_elements;
}

bool are_contiguous(std::span<const std::uint32_t> offsets, std::size_t bytes) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] != offsets[0] + i * bytes) return false;
  }
  return true;
}

void plan_gathering(const ColumnSpec& spec, const Kernels& kernels, Column& column) {
  const std::size_t bytes = column.element_bytes;
  if (column.unpack == nullptr && are_contiguous(spec.offsets, bytes)) {
    column.offset += spec.offsets[0];  // a slice, such as one channel, needs no gathering
    return;
  }
  column.offsets = spec.offsets;
  if (!std::has_single_bit(bytes)) {
    // Byte by byte.
    column.offsets.clear();
    for (const std::uint32_t offset : spec.offsets) {
      for (std::uint32_t byte = 0; byte < bytes; ++byte) column.offsets.push_back(offset + byte);
    }
    column.gather = kernels.gather[0];
    return;
  }
  const auto width = static_cast<std::size_t>(std::countr_zero(bytes));
  column.planes = planes_of(spec.offsets, bytes);
  if (column.planes > 0) {
    column.plane_bytes = spec.offsets[1];
    column.interleave = kernels.interleave[width];
  } else {
    column.gather = kernels.gather[width];
  }
}

bool has_short_rows(const Column& column) {
  const auto is_per_element = [](const Step& step) { return step.a.is_per_element; };
  return column.elements > 1 && column.elements <= kShortRow &&
         std::none_of(column.steps.begin(), column.steps.end(), is_per_element);
}

Column make_column(const ColumnSpec& spec, ElementType target, const Kernels& kernels) {
  Column column{.offset = spec.offset, .elements = spec.elements, .element_bytes = element_bytes(spec.type)};
  if (spec.packing.packing != Packing::kNone) plan_unpacking(spec, kernels, column);
  if (!spec.offsets.empty()) plan_gathering(spec, kernels, column);
  column.steps = StepPlanner(spec, kernels).plan(spec.operations, target);
  const Step& last = column.steps.back();
  column.target_bytes = checked_output_bytes(last.elements, last.target_bytes, "bytes of a row");
  if (has_short_rows(column)) column.copy_rows = kernels.copy_rows;
  return column;
}

// Bytes per record that lie between this column's passes.
std::size_t scratch_bytes_of(const Column& column) {
  std::size_t widest = column.packed_elements * column.element_bytes;
  if (!column.offsets.empty()) widest = std::max(widest, column.elements * column.element_bytes);
  if (column.copy_rows != nullptr) {
    widest = std::max({widest, column.elements * column.element_bytes, column.target_bytes});
  }
  for (std::size_t i = 0; i + 1 < column.steps.size(); ++i) {
    const Step& step = column.steps[i];
    widest = std::max(widest, checked_output_bytes(step.elements, step.target_bytes, "bytes between two operations"));
  }
  return widest;
}

}  // namespace

DecodePlan::DecodePlan(std::size_t record_bytes, const std::vector<OutputSpec>& outputs,
                       std::string_view instruction_set)
    : record_bytes_(record_bytes) {
  const DefaultFloatingPoint floating_point;  // parameters are rounded to the types that compute
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
      output.row_bytes = checked_add(output.row_bytes, output.columns.back().target_bytes, "bytes of a row");
      scratch_bytes_ = std::max(scratch_bytes_, scratch_bytes_of(output.columns.back()));
      used_begin_ = std::min<std::size_t>(used_begin_, column.offset);
      used_end_ = std::max<std::size_t>(used_end_, column.offset + extent(column));
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
