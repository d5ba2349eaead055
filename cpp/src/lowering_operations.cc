// The passes of each operation.
#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "binfeed/checked.h"
#include "code_table.h"
#include "hash_loops.h"
#include "load.h"
#include "lowering.h"
#include "quotient.h"

namespace binfeed {

using kernels::Block;

namespace {

std::size_t log2_of(std::size_t bytes) { return static_cast<std::size_t>(std::countr_zero(bytes)); }

bool is_unsigned(ElementType type) {
  return type == ElementType::kBool || type == ElementType::kUint8 || type == ElementType::kUint16 ||
         type == ElementType::kUint32 || type == ElementType::kUint64;
}

// The type in which values of a type are compared.
ElementType comparable(ElementType type) { return is_half(type) ? ElementType::kFloat32 : value_type(type); }

}  // namespace

// What is loaded.

void Lowering::lower(const Load& load, std::size_t) {
  require(load.source < source_bytes_.size(), "a load is from source " + std::to_string(load.source) +
                                                  ", but there are only " + std::to_string(source_bytes_.size()));
  const std::size_t row = source_bytes_[load.source];
  const std::uint64_t end = checked_add(load.offset, extent(load), "end of a field");
  require(end <= row, "a load ends at byte " + std::to_string(end) + ", but a row has " + std::to_string(row));
  const std::size_t bytes = element_bytes(load.type);
  value_ = {.elements = load.elements, .type = load.type, .is_swapped = load.is_swapped, .is_loaded = true};
  used[load.source].add(load.offset, end);
  value_.place = new_place(load.elements * bytes);
  places.back() = {
      .area = Place::Area::kSource, .index = load.source, .offset = load.offset, .bytes = load.elements * bytes};
  if (load.packing.packing != Packing::kNone) unpack(load);
  if (!load.offsets.empty()) gather(load);
}

void Lowering::unpack(const Load& load) {
  require_packing(load);
  const bool is_signed = load.type == ElementType::kInt8 || load.type == ElementType::kInt16;
  const auto loop = kernels_.unpack[is_signed ? 1 : 0];
  const auto [packing, bits, elements] = load.packing;
  add_pass([loop, bits = bits, packing = packing](const Block& block) { loop(block, bits, packing); }, elements, 0,
           element_bytes(load.type))
      .is_uniform = false;
}

void Lowering::gather(const Load& load) {
  const std::size_t bytes = element_bytes(load.type);
  if (load.packing.packing == Packing::kNone && are_contiguous(load.offsets, bytes)) {
    places[value_.place].offset += load.offsets[0];  // a slice, such as one channel, needs no gathering
    return;
  }
  if (!std::has_single_bit(bytes)) {
    std::vector<std::uint32_t> of_bytes;
    for (const std::uint32_t offset : load.offsets) {
      for (std::uint32_t byte = 0; byte < bytes; ++byte) of_bytes.push_back(offset + byte);
    }
    gather_elements(std::move(of_bytes), 1);
    return;
  }
  const std::size_t planes = planes_of(load.offsets, bytes);
  if (planes == 0) {
    gather_elements(load.offsets, bytes);
    return;
  }
  const auto loop = kernels_.interleave[log2_of(bytes)];
  const std::size_t plane_bytes = load.offsets[1];
  add_pass([loop, planes, plane_bytes](const Block& block) { loop(block, planes, plane_bytes); }, load.elements, 0,
           bytes)
      .is_uniform = false;
}

void Lowering::gather_elements(std::vector<std::uint32_t> offsets, std::size_t bytes) {
  const auto loop = kernels_.gather[log2_of(bytes)];
  const std::size_t elements = offsets.size();
  add_pass([loop, offsets = std::move(offsets)](const Block& block) { loop(block, offsets.data()); }, elements, 0,
           bytes)
      .is_uniform = false;
}

void Lowering::lower(const Constant& constant, std::size_t) {
  const std::size_t bytes = element_bytes(constant.type);
  const std::size_t row = checked_output_bytes(constant.words.size(), bytes, "bytes of a constant");
  std::vector<std::byte> values;
  values.reserve(row);
  for (const std::uint64_t word : constant.words) {
    const auto* first = reinterpret_cast<const std::byte*>(&word);
    values.insert(values.end(), first, first + bytes);
  }
  value_ = {.elements = constant.words.size(), .type = constant.type};
  value_.place = new_place(row);
  places.back() = {.area = Place::Area::kConstant, .index = constants.size(), .bytes = row};
  constants.push_back(std::move(values));
}

void Lowering::lower(const Cast& cast, std::size_t number) {
  const std::size_t input = input_of(number);
  if (is_left_to_its_user(input)) {
    combine(input, ElementType::kFloat32);
  } else {
    cast_to(cast.type);
  }
}

// Functions of one value.

// float16 and bfloat16 have no comparisons of their own, so their values are compared as float32.
template <typename Apply>
void Lowering::on_comparable(Apply apply_as) {
  const ElementType type = value_type(value_.type);
  if (!is_half(type)) {
    apply_as(type);
    return;
  }
  cast_to(ElementType::kFloat32);
  apply_as(ElementType::kFloat32);
  cast_to(type);
}

void Lowering::lower(const Map& map, std::size_t) {
  const auto& loops = kernels_.map[static_cast<std::size_t>(map.function)];
  const auto apply_as = [&](ElementType type) {
    cast_to(type);
    make_bools_0_or_1();
    apply(loops[index_of(type)], type);
  };
  if (is_in_compute_type(map.function)) {
    apply_as(compute_type(value_.type));
  } else {
    on_comparable(apply_as);
  }
}

void Lowering::lower(const Clip& clip, std::size_t) {
  on_comparable([&](ElementType type) { apply(entry_of(kernels_.clip), type, clip.low, clip.high); });
}

void Lowering::lower(const Fill& fill, std::size_t) {
  on_comparable([&](ElementType type) { apply(entry_of(kernels_.fill), type, fill.missing, fill.replacement); });
}

void Lowering::lower(const IsMissing& is_missing, std::size_t) {
  if (is_half(value_.type)) cast_to(ElementType::kFloat32);
  apply(entry_of(kernels_.is_missing), ElementType::kBool, is_missing.missing);
}

void Lowering::lower(const Bits& bits, std::size_t number) {
  const kernels::BitField field{static_cast<std::uint32_t>(bits.start), static_cast<std::uint32_t>(bits.width),
                                bits.is_signed};
  apply(entry_of(kernels_.bits), shapes_[number].type, field);
}

void Lowering::lower(const Bucketize& bucketize, std::size_t) {
  make_native();
  const auto loop = kernels_.bucketize[index_of(value_.type)];
  require_loop(loop != nullptr);
  close_gaps();
  const auto find = [loop, edges = bucketize.edges](const Block& block) { loop(block, edges.data(), edges.size()); };
  add_pass(find, value_.elements, element_bytes(value_.type), element_bytes(ElementType::kInt32));
  become(ElementType::kInt32);
}

// Arithmetic with a constant, which reads values as they are in the source.

void Lowering::compute(std::size_t number, ElementType to) {
  std::size_t input = input_of(number);
  auto arithmetic = with_constant(number).arithmetic;
  std::vector<double> first = with_constant(number).operand();
  std::vector<double> second;
  if (is_left_to_its_user(input)) {
    const WithConstant before = with_constant(input);
    if (!before) {
      combine_scaled(input, *factor_after(input), to);
      return;
    }
    second = std::exchange(first, before.operand());
    arithmetic = *fused(before.arithmetic, arithmetic);
    input = input_of(input);
  }
  value_ = values_[input];
  if (arithmetic == kernels::Arithmetic::kDivide && invert_powers_of_two(compute_type(value_.type), first)) {
    arithmetic = kernels::Arithmetic::kMultiply;
  }
  const std::size_t count = std::max(first.size(), second.size());
  // Kernels take operands that are all single or all per element.
  for (auto* operands : {&first, &second}) {
    if (operands->size() == 1) operands->resize(count, operands->front());
  }
  arithmetic = as_quotient(arithmetic, value_.type, first, second.empty() ? first : second).value_or(arithmetic);
  const kernels::ArithmeticLoops& loops =
      entry_of(kernels_.arithmetic)[static_cast<std::size_t>(arithmetic)][count > 1 ? 1 : 0];
  if (compute_type(value_.type) == ElementType::kFloat32) {
    add_arithmetic<float>(loops.in_float, to, first, second, count > 1);
  } else {
    add_arithmetic<double>(to == ElementType::kFloat32 ? loops.in_double_to_float : loops.in_double, to, first, second,
                           count > 1);
  }
}

template <typename C, typename Loop>
void Lowering::add_arithmetic(Loop loop, ElementType to, const std::vector<double>& a, const std::vector<double>& b,
                              bool is_per_element) {
  require_loop(loop != nullptr);
  const auto rounded = [](const std::vector<double>& numbers) {
    return std::vector<C>(numbers.begin(), numbers.end());
  };
  if (!is_per_element) close_gaps();
  add_pass([loop, a = rounded(a), b = rounded(b)](const Block& block) { loop(block, a.data(), b.data()); },
           value_.elements, element_bytes(value_.type), element_bytes(to))
      .is_uniform = !is_per_element;
  become(to);
}

// Several inputs.

// The value of a step, in the machine's byte order.
Value Lowering::operand_as(std::size_t number, ElementType type) {
  value_ = values_[number];
  cast_to(type);
  make_bools_0_or_1();
  close_gaps();
  return value_;
}

Input Lowering::input_from(const Value& value, std::size_t joint_elements) const {
  const bool is_constant = places[value.place].area == Place::Area::kConstant;
  return {.place = value.place,
          .lag = value.lag,
          .bytes = element_bytes(value.type),
          .is_single = value.elements == 1 && (joint_elements != 1 || is_constant)};
}

void Lowering::add_joint_pass(std::function<void(const Block&)> loop, std::span<const Value> values, ElementType to,
                              std::size_t elements) {
  add_pass(std::move(loop), elements, 0, element_bytes(to));
  passes.back().inputs.clear();
  for (const Value& value : values) passes.back().inputs.push_back(input_from(value, elements));
  value_.elements = elements;
  become(to);
}

void Lowering::lower(const Combine&, std::size_t number) { combine(number, shapes_[number].type); }

// Adds the pass of a combination; only arithmetic in float64 may have another type than its step, float32.
void Lowering::combine(std::size_t number, ElementType to) {
  if (with_constant(number)) {
    compute(number, to);
    return;
  }
  const Combination combination = std::get<Combine>(steps_[number].operation).combination;
  const auto [a, b] = operand_types(combination, number);
  const std::array<Value, 2> values{operand_as(input_of(number, 0), a), operand_as(input_of(number, 1), b)};
  const auto k = static_cast<std::size_t>(combination);
  kernels::Convert loop = kernels_.combine_to_float[k];
  if (to == shapes_[number].type) {
    loop = a == b ? kernels_.combine[k][index_of(a)] : kernels_.combine_mixed[k][a == ElementType::kUint64 ? 1 : 0];
  }
  require_loop(loop != nullptr);
  add_joint_pass(loop, values, is_half(to) ? ElementType::kFloat32 : to, shapes_[number].elements);
  cast_to(to);
}

void Lowering::combine_scaled(std::size_t number, double factor, ElementType to) {
  const Combination combination = std::get<Combine>(steps_[number].operation).combination;
  const ElementType type = operand_types(combination, number).first;
  const std::array<Value, 2> values{operand_as(input_of(number, 0), type), operand_as(input_of(number, 1), type)};
  const auto [to_compute, to_float] = kernels_.scaled[combination == Combination::kSubtract ? 1 : 0][index_of(type)];
  const auto loop = to == ElementType::kFloat32 ? to_float : to_compute;
  add_joint_pass([loop, factor](const Block& block) { loop(block, factor); }, values, to, shapes_[number].elements);
}

// The types in which two values are combined: the same one, or int64 and uint64.
std::pair<ElementType, ElementType> Lowering::operand_types(Combination combination, std::size_t number) const {
  const ElementType a = comparable(shapes_[input_of(number, 0)].type);
  const ElementType b = comparable(shapes_[input_of(number, 1)].type);
  const ElementType to = shapes_[number].type;
  const auto wide = [](ElementType type) {
    return type == ElementType::kUint64 ? ElementType::kUint64 : ElementType::kInt64;
  };
  if (is_arithmetic(combination) && to != ElementType::kInt64) return {to, to};
  if (!is_arithmetic(combination) && a == b) return {a, b};
  if (is_comparison(combination) && is_unsigned(a) && is_unsigned(b))
    return {ElementType::kUint64, ElementType::kUint64};
  return {wide(a), wide(b)};
}

void Lowering::lower(const Choose&, std::size_t number) {
  const ElementType type = shapes_[number].type;
  const std::array<Value, 3> values{operand_as(input_of(number, 0), ElementType::kBool),
                                    operand_as(input_of(number, 1), type), operand_as(input_of(number, 2), type)};
  add_joint_pass(kernels_.choose[log2_of(element_bytes(type))], values, type, shapes_[number].elements);
}

void Lowering::lower(const Coalesce& coalesce, std::size_t number) {
  const Value is_there = values_[input_of(number, 1)];
  on_comparable([&](ElementType type) {
    cast_to(type);
    make_bools_0_or_1();
    const std::size_t bytes = element_bytes(type);
    const auto loop = kernels_.coalesce[log2_of(bytes)];
    const auto replace = [loop, words = coalesce.replacement](const Block& block) {
      loop(block, words.data(), words.size() > 1);
    };
    Pass& pass = add_pass(replace, value_.elements, bytes, bytes);
    pass.is_uniform = false;
    pass.inputs.push_back({.place = is_there.place, .lag = is_there.lag, .bytes = 1, .is_single = true});
    become(type);
  });
}

// Rows before.

void Lowering::lower(const Lag& lag, std::size_t) { value_.lag += lag.records; }

void Lowering::lower(const FillFirst& fill_first, std::size_t) {
  on_comparable([&](ElementType type) {
    cast_to(type);
    make_bools_0_or_1();
    Pass& pass = apply(kernels_.fill_first[log2_of(element_bytes(type))], type, fill_first.replacement);
    pass.is_uniform = false;
    pass.fills = fill_first.records;
  });
}

// Encodings.

void Lowering::lower(const Codes& codes, std::size_t number) {
  make_native();
  close_gaps();
  value_.elements = shapes_[number].elements;
  const auto table = std::make_shared<const CodeTable>(codes);
  add_pass([table](const Block& block) { table->look_up(block); }, value_.elements, codes.key_bytes,
           element_bytes(ElementType::kInt32));
  become(ElementType::kInt32);
}

void Lowering::lower(const Hash& hash, std::size_t number) {
  make_native();
  close_gaps();
  value_.elements = shapes_[number].elements;
  const std::size_t key_bytes = hash.text_bytes > 0 ? hash.text_bytes : element_bytes(value_.type);
  const auto loop = [hash, type = value_.type](const Block& block) { hash_values(block, hash, type); };
  add_pass(loop, value_.elements, key_bytes, sizeof(std::uint64_t));
  become(shapes_[number].type);
}

void Lowering::lower(const Cross& cross, std::size_t number) {
  const std::array<Value, 2> values{operand_as(input_of(number, 0), shapes_[input_of(number, 0)].type),
                                    operand_as(input_of(number, 1), shapes_[input_of(number, 1)].type)};
  const auto loop = [bins = cross.bins](const Block& block) { cross_values(block, bins); };
  add_joint_pass(loop, values, shapes_[number].type, shapes_[number].elements);
}

void Lowering::lower(const OneHot& one_hot, std::size_t) {
  make_native();
  close_gaps();
  const auto loop = [spread = kernels_.one_hot[index_of(value_.type)], depth = one_hot.depth](const Block& block) {
    spread(block, depth);
  };
  add_pass(loop, value_.elements, element_bytes(value_.type), one_hot.depth * sizeof(float));
  value_.elements *= one_hot.depth;
  become(ElementType::kFloat32);
}

void Lowering::lower(const MultiHot& multi_hot, std::size_t) {
  make_native();
  close_gaps();
  const auto [group, depth] = multi_hot;
  const auto loop = [spread = kernels_.multi_hot[index_of(value_.type)], group = group,
                     depth = depth](const Block& block) { spread(block, group, depth); };
  const std::size_t groups = value_.elements / group;
  add_pass(loop, groups, group * element_bytes(value_.type), depth * sizeof(float));
  value_.elements = groups * depth;
  become(ElementType::kFloat32);
}

}  // namespace binfeed
