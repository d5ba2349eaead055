#include "lowering.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "binfeed/checked.h"
#include "quotient.h"

namespace binfeed {
namespace {

using kernels::Arithmetic;

// Loops are slow on rows of up to this many elements if there are gaps between them. Such rows are copied together
// first, and spread out again at the end.
constexpr std::size_t kShortRow = 32;
// Where values in scratch memory begin.
constexpr std::size_t kAlignment = 64;

bool is_short(const Pass& pass) { return pass.is_uniform && pass.elements > 1 && pass.elements <= kShortRow; }

}  // namespace

std::optional<Arithmetic> fused(Arithmetic first, Arithmetic second) {
  if (first == Arithmetic::kMultiply && second == Arithmetic::kAdd) return Arithmetic::kMultiplyAdd;
  if (first == Arithmetic::kSubtract && second == Arithmetic::kDivide) return Arithmetic::kSubtractDivide;
  return std::nullopt;
}

Lowering::Lowering(std::span<const std::size_t> source_bytes, const Program& program,
                   const std::vector<std::size_t>& outputs, const kernels::Kernels& kernels)
    : used(source_bytes.size()),
      source_bytes_(source_bytes),
      steps_(program.steps),
      kernels_(kernels),
      shapes_(infer(program)),
      firsts_(first_equals(program, shapes_)),
      uses_(steps_.size()),
      user_(steps_.size()),
      slots_(steps_.size()),
      before_(steps_.size()),
      values_(steps_.size()) {
  for (std::size_t k = 0; k < outputs.size(); ++k) add_output(program.outputs[outputs[k]], k);
  count_uses();
  for (std::size_t number = 0; number < steps_.size(); ++number) {
    if (firsts_[number] == number && uses_[number] > 0 && !is_left_to_its_user(number)) lower(number);
  }
}

void Lowering::add_output(const OutputSpec& output, std::size_t k) {
  std::size_t row = 0;
  for (const std::uint32_t value : output.values) {
    const ValueShape& shape = shapes_[value];
    if (shape.elements == 0) continue;
    slots_[firsts_[value]].push_back({k, row});
    row = checked_add(row, checked_output_bytes(shape.elements, element_bytes(output.type), "bytes of a row"),
                      "bytes of a row");
  }
  row_bytes.push_back(row);
}

void Lowering::count_uses() {
  for (std::size_t number = steps_.size(); number-- > 0;) {
    if (firsts_[number] != number) continue;
    uses_[number] += slots_[number].size();
    if (uses_[number] == 0) continue;
    const auto* lag = std::get_if<Lag>(&steps_[number].operation);
    const std::size_t before = before_[number] + (lag != nullptr ? lag->records : 0);
    require(before <= kMaxHistory, "the program looks back by more than 2^20 records");
    history = std::max(history, before);
    for (const std::uint32_t input : steps_[number].inputs) {
      ++uses_[firsts_[input]];
      user_[firsts_[input]] = number;
      before_[firsts_[input]] = std::max(before_[firsts_[input]], before);
    }
  }
}

// The step that uses this one's value, if nothing else does.
std::optional<std::size_t> Lowering::only_user_of(std::size_t number) const {
  const bool is_only = uses_[number] == 1 && slots_[number].empty();
  return is_only ? std::optional(user_[number]) : std::nullopt;
}

WithConstant Lowering::with_constant(std::size_t number) const {
  const auto* combine = std::get_if<Combine>(&steps_[number].operation);
  if (combine == nullptr) return {};
  const auto* constant = std::get_if<Constant>(&steps_[input_of(number, 1)].operation);
  const ValueShape& shape = shapes_[number];
  const ValueShape& in = shapes_[input_of(number)];
  const bool is_fast = constant != nullptr && shape.type == compute_type(in.type) && shape.elements == in.elements &&
                       shape.elements > 0 && constant->type == shape.type;
  if (!is_fast) return {};
  switch (combine->combination) {
    case Combination::kMultiply:
      return {Arithmetic::kMultiply, constant};
    case Combination::kAdd:
      return {Arithmetic::kAdd, constant};
    case Combination::kSubtract:
      return {Arithmetic::kSubtract, constant};
    case Combination::kDivide:
      return {Arithmetic::kDivide, constant};
    default:
      return {};
  }
}

std::vector<double> WithConstant::operand() const {
  std::vector<double> numbers;
  numbers.reserve(constant->words.size());
  for (const std::uint64_t word : constant->words) {
    numbers.push_back(constant->type == ElementType::kFloat32
                          ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(word)))
                          : std::bit_cast<double>(word));
  }
  return numbers;
}

// Whether this step is done in one pass with its only user.
bool Lowering::is_left_to_its_user(std::size_t number) const {
  const auto user = only_user_of(number);
  if (!user || input_of(*user) != number) return false;
  // Arithmetic in float64 can also round its results to float32.
  const auto* cast = std::get_if<Cast>(&steps_[*user].operation);
  if (cast != nullptr) return cast->type == ElementType::kFloat32 && can_round(number);
  const WithConstant first = with_constant(number);
  if (!first) return factor_after(number).has_value();
  const WithConstant next = with_constant(*user);
  return next && fused(first.arithmetic, next.arithmetic).has_value();
}

// What a sum or difference of two values is multiplied by in the same pass.
std::optional<double> Lowering::factor_after(std::size_t number) const {
  const auto* combine = std::get_if<Combine>(&steps_[number].operation);
  const auto user = only_user_of(number);
  if (combine == nullptr || !user || with_constant(number)) return std::nullopt;
  const bool is_sum = combine->combination == Combination::kAdd || combine->combination == Combination::kSubtract;
  const auto [a, b] = operand_types(combine->combination, number);
  const WithConstant next = with_constant(*user);
  const bool is_single = next && next.constant->words.size() == 1;
  if (!is_sum || !is_single || a != b || kernels_.scaled[0][index_of(a)].to_float == nullptr) return std::nullopt;
  // The product may be left to a sum in its turn.
  const auto after = only_user_of(*user);
  const WithConstant last = after ? with_constant(*after) : WithConstant{};
  if (last && fused(next.arithmetic, last.arithmetic)) return std::nullopt;
  std::vector<double> factor = next.operand();
  const bool is_product = next.arithmetic == Arithmetic::kMultiply ||
                          (next.arithmetic == Arithmetic::kDivide && invert_powers_of_two(shapes_[*user].type, factor));
  return is_product ? std::optional(factor[0]) : std::nullopt;
}

// Whether a step can round its results to float32 in the same pass.
bool Lowering::can_round(std::size_t number) const {
  const auto* combine = std::get_if<Combine>(&steps_[number].operation);
  return combine != nullptr && shapes_[number].type == ElementType::kFloat64 &&
         kernels_.combine_to_float[static_cast<std::size_t>(combine->combination)] != nullptr;
}

void Lowering::lower(std::size_t number) {
  const std::size_t passes_before = passes.size();
  current_before_ = before_[number];
  value_ = steps_[number].inputs.empty() ? Value{} : values_[input_of(number)];
  std::visit([&](const auto& operation) { lower(operation, number); }, steps_[number].operation);
  values_[number] = value_;
  if (slots_[number].empty()) return;
  make_native();
  make_bools_0_or_1();
  fill_slots(slots_[number], passes_before);
}

// Puts the value into the rows of its outputs. The last pass writes to the first of them directly, unless that is slow,
// or it also runs for rows before those of a block, which outputs do not have.
void Lowering::fill_slots(std::span<const Slot> slots, std::size_t passes_before) {
  const bool has_pass = passes.size() > passes_before && passes.back().target == value_.place;
  if (has_pass && current_before_ == 0 && value_.lag == 0 && !leaves_gaps(passes.back(), slots[0])) {
    place_in(value_.place, slots[0]);
    slots = slots.subspan(1);
  }
  const Value value = value_;
  current_before_ = 0;
  for (const Slot& slot : slots) {
    value_ = value;
    const auto area = places[value_.place].area;
    const bool is_raw = area == Place::Area::kSource || area == Place::Area::kConstant;
    if (is_raw) convert(value_.type);
    if (!is_raw || leaves_gaps(passes.back(), slot)) copy_rows(places[value_.place].bytes);
    place_in(value_.place, slot);
  }
  value_ = value;
}

bool Lowering::leaves_gaps(const Pass& pass, const Slot& slot) const {
  return is_short(pass) && row_bytes[slot.output] != places[pass.target].bytes;
}

void Lowering::place_in(std::size_t place, const Slot& slot) {
  places[place].area = Place::Area::kOutput;
  places[place].index = slot.output;
  places[place].offset = slot.offset;
}

std::size_t Lowering::new_place(std::size_t bytes) {
  places.push_back({.area = Place::Area::kScratch, .bytes = bytes, .before = current_before_});
  return places.size() - 1;
}

Pass& Lowering::add_pass(std::function<void(const kernels::Block&)> loop, std::size_t elements,
                         std::size_t source_bytes, std::size_t target_bytes) {
  const std::size_t bytes = checked_output_bytes(elements, target_bytes, "bytes between two operations");
  passes.push_back({.loop = std::move(loop),
                    .inputs = {{.place = value_.place, .lag = value_.lag, .bytes = source_bytes}},
                    .target = new_place(bytes),
                    .elements = elements,
                    .target_bytes = target_bytes,
                    .before = current_before_});
  value_.place = passes.back().target;
  value_.lag = 0;
  return passes.back();
}

void Lowering::require_loop(bool exists) const {
  require(exists, "this operation is not supported on " + std::string(element_name(value_.type)));
}

void Lowering::become(ElementType to) {
  value_.type = to;
  value_.is_swapped = value_.is_loaded = false;
}

// Copies short rows of a source together, once for all steps that use them.
void Lowering::close_gaps() {
  const Place source = places[value_.place];
  if (source.area != Place::Area::kSource || value_.elements <= 1 || value_.elements > kShortRow) return;
  auto [known, is_new] =
      together_.try_emplace({source.index, source.offset, source.bytes, value_.lag, current_before_}, 0);
  if (is_new) {
    const bool is_now = value_.lag == 0 && current_before_ == 0;
    copy_rows(source.bytes).closes_gaps = is_now;
    known->second = value_.place;
  }
  value_.place = known->second;
  value_.lag = 0;
}

Pass& Lowering::copy_rows(std::size_t bytes) {
  const auto copy = kernels_.copy_rows;
  Pass& pass = add_pass([copy, bytes](const kernels::Block& block) { copy(block, bytes); }, 1, bytes, bytes);
  pass.is_uniform = false;
  return pass;
}

void Lowering::cast_to(ElementType to) {
  if (to != value_.type || value_.is_swapped) convert(to);
}
void Lowering::convert(ElementType to) { apply(entry_of(kernels_.convert)[index_of(to)], to); }

void Lowering::make_native() { cast_to(value_type(value_.type)); }

void Lowering::make_bools_0_or_1() {
  if (value_.is_loaded && value_.type == ElementType::kBool) convert(ElementType::kBool);
}

// Places share scratch memory if one is written after the other was last read.
void Lowering::assign_scratch(std::size_t block_records) {
  std::vector<std::size_t> last_read(places.size());
  for (std::size_t i = 0; i < passes.size(); ++i) {
    for (const Input& input : passes[i].inputs) last_read[input.place] = i;
  }
  const auto is_scratch = [&](std::size_t place) { return places[place].area == Place::Area::kScratch; };
  std::vector<std::size_t> register_of(places.size());
  std::vector<std::size_t> bytes;  // of each register
  std::vector<std::size_t> free;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const std::size_t target = passes[i].target;
    if (is_scratch(target)) {
      if (free.empty()) {
        free.push_back(bytes.size());
        bytes.push_back(0);
      }
      register_of[target] = free.back();
      free.pop_back();
      const std::size_t rows = checked_add(block_records, places[target].before, "rows of a block");
      const std::size_t size = checked_multiply(rows, places[target].bytes, "bytes between two operations");
      bytes[register_of[target]] = std::max(bytes[register_of[target]], size);
    }
    std::set<std::size_t> read;
    for (const Input& input : passes[i].inputs) read.insert(input.place);
    for (const std::size_t place : read) {
      if (is_scratch(place) && last_read[place] == i) free.push_back(register_of[place]);
    }
  }
  std::vector<std::size_t> offsets;
  for (const std::size_t size : bytes) {
    offsets.push_back(scratch_bytes);
    const std::size_t padded = checked_add(size, kAlignment - 1, "bytes between two operations") & ~(kAlignment - 1);
    scratch_bytes = checked_add(scratch_bytes, padded, "bytes between two operations");
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (is_scratch(i)) places[i].offset = offsets.empty() ? 0 : offsets[register_of[i]];
  }
}

}  // namespace binfeed
