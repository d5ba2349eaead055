#include "binfeed/decode_plan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "binfeed/checked.h"
#include "binfeed/decoder.h"
#include "binfeed/instruction_set.h"
#include "binfeed/program_bytes.h"
#include "binfeed/status.h"
#include "code_table.h"
#include "load.h"
#include "pass.h"
#include "quotient.h"

namespace binfeed {
namespace {

using kernels::Arithmetic;
using kernels::Block;
using kernels::Kernels;

// The values between the passes of one block should fit into the first-level cache, along with source and target.
constexpr std::size_t kBlockBytes = 12 << 10;
constexpr std::size_t kMaxBlockRecords = 1024;
// Loops are slow on rows of up to this many elements if there are gaps between them. Such rows are copied together
// first, and spread out again at the end.
constexpr std::size_t kShortRow = 32;

// What an operation computes with its operand; nothing for one that has none.
struct Computation {
  Arithmetic arithmetic{};
  const std::vector<double>* operand = nullptr;

  explicit operator bool() const { return operand != nullptr; }
};
Computation computation_of(const Operation& operation) {
  if (const auto* step = std::get_if<Multiply>(&operation)) return {Arithmetic::kMultiply, &step->operand};
  if (const auto* step = std::get_if<Add>(&operation)) return {Arithmetic::kAdd, &step->operand};
  if (const auto* step = std::get_if<Subtract>(&operation)) return {Arithmetic::kSubtract, &step->operand};
  if (const auto* step = std::get_if<Divide>(&operation)) return {Arithmetic::kDivide, &step->operand};
  return {};
}

// The arithmetic that does both operations in one pass, with the same roundings, if there is one.
std::optional<Arithmetic> fused(Arithmetic first, Arithmetic second) {
  if (first == Arithmetic::kMultiply && second == Arithmetic::kAdd) return Arithmetic::kMultiplyAdd;
  if (first == Arithmetic::kSubtract && second == Arithmetic::kDivide) return Arithmetic::kSubtractDivide;
  return std::nullopt;
}

// For each step, the number of the first one that makes the same value: what outputs have in common is computed once.
std::vector<std::uint32_t> first_equals(const std::vector<Step>& steps, const std::vector<ValueShape>& shapes) {
  // Longer steps are rarely equal, and comparing them takes memory.
  constexpr std::size_t kMaxKeyBytes = 1 << 16;
  std::map<std::string, std::uint32_t> known;
  std::vector<std::uint32_t> firsts;
  for (std::uint32_t number = 0; number < steps.size(); ++number) {
    const Operation& operation = steps[number].operation;
    std::vector<std::uint32_t> inputs;
    for (const std::uint32_t input : steps[number].inputs) inputs.push_back(firsts[input]);
    const auto* cast = std::get_if<Cast>(&operation);
    if (cast != nullptr && shapes[inputs[0]].type == cast->type) {
      firsts.push_back(inputs[0]);
      continue;
    }
    const auto* load = std::get_if<Load>(&operation);
    const auto operand = computation_of(operation);
    const bool is_long = (load != nullptr && load->offsets.size() > kMaxKeyBytes / sizeof(std::uint32_t)) ||
                         (operand && operand.operand->size() > kMaxKeyBytes / sizeof(double));
    firsts.push_back(is_long ? number : known.emplace(to_bytes(Step{operation, inputs}), number).first->second);
  }
  return firsts;
}

// A value between two passes: where it lies, and in which form.
struct Value {
  std::size_t place = 0;
  std::size_t elements = 0;
  ElementType type{};
  bool is_swapped = false;
  bool is_loaded = false;  // as it is in the source: a bool may be any byte
};

// The bytes of a row that steps load.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  void add(std::size_t first, std::size_t last) {
    begin = end == 0 ? first : std::min(begin, first);
    end = std::max(end, last);
  }
};

// Turns the steps of a program into passes.
class Lowering {
 public:
  Lowering(std::span<const std::size_t> source_bytes, const Program& program, const std::vector<std::size_t>& outputs,
           const Kernels& kernels)
      : source_bytes_(source_bytes),
        steps_(program.steps),
        kernels_(kernels),
        shapes_(infer(program)),
        firsts_(first_equals(program.steps, shapes_)),
        uses_(steps_.size()),
        user_(steps_.size()),
        slots_(steps_.size()),
        values_(steps_.size()),
        used(source_bytes.size()) {
    for (std::size_t k = 0; k < outputs.size(); ++k) add_output(program.outputs[outputs[k]], k);
    count_uses();
    for (std::size_t number = 0; number < steps_.size(); ++number) {
      if (firsts_[number] == number && uses_[number] > 0 && !is_left_to_its_user(number)) lower(number);
    }
    assign_scratch();
  }

 private:
  // The part of an output's row that a value fills.
  struct Slot {
    std::size_t output;
    std::size_t offset;
  };

  void add_output(const OutputSpec& output, std::size_t k) {
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

  void count_uses() {
    for (std::size_t number = steps_.size(); number-- > 0;) {
      if (firsts_[number] != number) continue;
      uses_[number] += slots_[number].size();
      if (uses_[number] == 0) continue;
      for (const std::uint32_t input : steps_[number].inputs) {
        ++uses_[firsts_[input]];
        user_[firsts_[input]] = number;
      }
    }
  }

  std::size_t input_of(std::size_t number) const { return firsts_[steps_[number].inputs[0]]; }

  // The step that uses this one's value, if nothing else does.
  std::optional<std::size_t> only_user_of(std::size_t number) const {
    const bool is_only = uses_[number] == 1 && slots_[number].empty();
    return is_only ? std::optional(user_[number]) : std::nullopt;
  }

  // Whether this step is done in one pass with its only user.
  bool is_left_to_its_user(std::size_t number) const {
    const auto user = only_user_of(number);
    const auto operand = computation_of(steps_[number].operation);
    if (!user || !operand) return false;
    if (const auto next = computation_of(steps_[*user].operation))
      return fused(operand.arithmetic, next.arithmetic).has_value();
    // Arithmetic in float64 can also round its results to float32.
    const auto* cast = std::get_if<Cast>(&steps_[*user].operation);
    return cast != nullptr && cast->type == ElementType::kFloat32 && shapes_[number].type == ElementType::kFloat64;
  }

  void lower(std::size_t number) {
    const std::size_t before = passes.size();
    value_ = steps_[number].inputs.empty() ? Value{} : values_[input_of(number)];
    std::visit([&](const auto& operation) { lower(operation, number); }, steps_[number].operation);
    values_[number] = value_;
    if (slots_[number].empty()) return;
    make_native();
    make_bools_0_or_1();
    fill_slots(slots_[number], before);
  }

  // Puts the value into the rows of its outputs. The last pass writes to the first of them directly, unless that is
  // slow.
  void fill_slots(std::span<const Slot> slots, std::size_t passes_before) {
    const bool has_pass = passes.size() > passes_before && passes.back().target == value_.place;
    if (has_pass && !leaves_gaps(passes.back(), slots[0])) {
      place_in(value_.place, slots[0]);
      slots = slots.subspan(1);
    }
    for (const Slot& slot : slots) {
      const std::size_t source = value_.place;
      const bool is_raw = places[source].area == Place::Area::kSource;
      if (is_raw) convert(value_.type);
      if (!is_raw || leaves_gaps(passes.back(), slot)) copy_rows(places[value_.place].bytes);
      place_in(value_.place, slot);
      value_.place = source;
    }
  }

  bool leaves_gaps(const Pass& pass, const Slot& slot) const {
    return is_short(pass) && row_bytes[slot.output] != places[pass.target].bytes;
  }
  static bool is_short(const Pass& pass) { return pass.is_uniform && pass.elements > 1 && pass.elements <= kShortRow; }

  void place_in(std::size_t place, const Slot& slot) {
    places[place].area = Place::Area::kOutput;
    places[place].index = slot.output;
    places[place].offset = slot.offset;
  }

  // The entry of a table of kernels for the value's current type and byte order.
  template <typename Table>
  const auto& entry_of(const Table& table) const {
    return table[index_of(value_.type)][value_.is_swapped ? 1 : 0];
  }

  std::size_t new_place(std::size_t bytes) {
    places.push_back({.area = Place::Area::kScratch, .bytes = bytes});
    return places.size() - 1;
  }

  // Adds a pass from the value's place to a new one, where it has `elements` elements of `target_bytes` bytes each.
  Pass& add_pass(std::function<void(const Block&)> loop, std::size_t elements, std::size_t source_bytes,
                 std::size_t target_bytes) {
    const std::size_t bytes = checked_output_bytes(elements, target_bytes, "bytes between two operations");
    passes.push_back({.loop = std::move(loop),
                      .source = value_.place,
                      .target = new_place(bytes),
                      .elements = elements,
                      .source_bytes = source_bytes,
                      .target_bytes = target_bytes});
    value_.place = passes.back().target;
    return passes.back();
  }

  // Adds the pass of an operation on every element. `loop` is called with the block and then the arguments.
  template <typename Loop, typename... Arguments>
  void apply(Loop loop, ElementType to, Arguments... arguments) {
    require_loop(loop != nullptr);
    close_gaps();
    add_pass([loop, arguments...](const Block& block) { loop(block, arguments...); }, value_.elements,
             element_bytes(value_.type), element_bytes(to));
    become(to);
  }

  void require_loop(bool exists) const {
    require(exists, "this operation is not supported on " + std::string(element_name(value_.type)));
  }

  void become(ElementType to) {
    value_.type = to;
    value_.is_swapped = value_.is_loaded = false;
  }

  // Copies short rows of a source together, once for all steps that use them.
  void close_gaps() {
    const Place source = places[value_.place];
    if (source.area != Place::Area::kSource || value_.elements <= 1 || value_.elements > kShortRow) return;
    auto [known, is_new] = together_.try_emplace({source.index, source.offset, source.bytes}, 0);
    if (is_new) {
      copy_rows(source.bytes).closes_gaps = true;
      known->second = value_.place;
    }
    value_.place = known->second;
  }

  Pass& copy_rows(std::size_t bytes) {
    const auto copy = kernels_.copy_rows;
    Pass& pass = add_pass([copy, bytes](const Block& block) { copy(block, bytes); }, 1, bytes, bytes);
    pass.is_uniform = false;
    return pass;
  }

  // Afterwards the values are in the machine's byte order, even if they already had the type.
  void cast_to(ElementType to) {
    if (to != value_.type || value_.is_swapped) convert(to);
  }
  void convert(ElementType to) { apply(entry_of(kernels_.convert)[index_of(to)], to); }

  // Makes the value one of a type that outputs may have, in the machine's byte order.
  void make_native() { cast_to(value_type(value_.type)); }

  void make_bools_0_or_1() {
    if (value_.is_loaded && value_.type == ElementType::kBool) convert(ElementType::kBool);
  }

  void lower(const Load& load, std::size_t) {
    require(load.source < source_bytes_.size(), "a load is from source " + std::to_string(load.source) +
                                                    ", but there are only " + std::to_string(source_bytes_.size()));
    const std::size_t row = source_bytes_[load.source];
    const std::uint64_t end = checked_add(load.offset, extent(load), "end of a field");
    require(end <= row, "a load ends at byte " + std::to_string(end) + ", but a row has " + std::to_string(row));
    const std::size_t bytes = element_bytes(load.type);
    value_ = {.elements = load.elements, .type = load.type, .is_swapped = load.is_swapped, .is_loaded = true};
    used[load.source].add(load.offset, end);
    value_.place = new_place(load.elements * bytes);
    places.back() = {Place::Area::kSource, load.source, load.offset, load.elements * bytes};
    if (load.packing.packing != Packing::kNone) unpack(load);
    if (!load.offsets.empty()) gather(load);
  }

  void unpack(const Load& load) {
    require_packing(load);
    const bool is_signed = load.type == ElementType::kInt8 || load.type == ElementType::kInt16;
    const auto loop = kernels_.unpack[is_signed ? 1 : 0];
    const auto [packing, bits, elements] = load.packing;
    add_pass([loop, bits = bits, packing = packing](const Block& block) { loop(block, bits, packing); }, elements, 0,
             element_bytes(load.type))
        .is_uniform = false;
  }

  void gather(const Load& load) {
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
    const auto loop = kernels_.interleave[static_cast<std::size_t>(std::countr_zero(bytes))];
    const std::size_t plane_bytes = load.offsets[1];
    add_pass([loop, planes, plane_bytes](const Block& block) { loop(block, planes, plane_bytes); }, load.elements, 0,
             bytes)
        .is_uniform = false;
  }

  void gather_elements(std::vector<std::uint32_t> offsets, std::size_t bytes) {
    const auto loop = kernels_.gather[static_cast<std::size_t>(std::countr_zero(bytes))];
    const std::size_t elements = offsets.size();
    add_pass([loop, offsets = std::move(offsets)](const Block& block) { loop(block, offsets.data()); }, elements, 0,
             bytes)
        .is_uniform = false;
  }

  void lower(const Cast& cast, std::size_t number) {
    const std::size_t input = input_of(number);
    if (is_left_to_its_user(input)) {
      compute(input, ElementType::kFloat32);
    } else {
      cast_to(cast.type);
    }
  }

  void lower(const WithOperand&, std::size_t number) { compute(number, shapes_[number].type); }

  // Adds the pass of a step's arithmetic, together with that of the step before it if that was left to this one.
  void compute(std::size_t number, ElementType to) {
    std::size_t input = input_of(number);
    auto [arithmetic, operand] = computation_of(steps_[number].operation);
    std::vector<double> first = *operand;
    std::vector<double> second;
    if (is_left_to_its_user(input)) {
      const auto [before, operand_before] = computation_of(steps_[input].operation);
      second = std::exchange(first, *operand_before);
      arithmetic = *fused(before, arithmetic);
      input = input_of(input);
    }
    value_ = values_[input];
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
      add_arithmetic<double>(to == ElementType::kFloat32 ? loops.in_double_to_float : loops.in_double, to, first,
                             second, count > 1);
    }
  }

  template <typename C, typename Loop>
  void add_arithmetic(Loop loop, ElementType to, const std::vector<double>& a, const std::vector<double>& b,
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

  void lower(const Log1p&, std::size_t) {
    cast_to(compute_type(value_.type));
    apply(kernels_.log1p[value_.type == ElementType::kFloat64 ? 1 : 0], value_.type);
  }

  void lower(const Abs&, std::size_t) {
    on_comparable([&](ElementType type) { apply(entry_of(kernels_.abs), type); });
  }
  void lower(const Clip& clip, std::size_t) {
    on_comparable([&](ElementType type) { apply(entry_of(kernels_.clip), type, clip.low, clip.high); });
  }
  void lower(const Fill& fill, std::size_t) {
    on_comparable([&](ElementType type) { apply(entry_of(kernels_.fill), type, fill.missing, fill.replacement); });
  }
  void lower(const Coalesce& coalesce, std::size_t number) {
    const std::size_t other = values_[firsts_[steps_[number].inputs[1]]].place;
    on_comparable([&](ElementType type) {
      cast_to(type);
      make_bools_0_or_1();
      const std::size_t bytes = element_bytes(type);
      const auto loop = kernels_.coalesce[static_cast<std::size_t>(std::countr_zero(bytes))];
      const auto replace = [loop, words = coalesce.replacement](const Block& block) {
        loop(block, words.data(), words.size() > 1);
      };
      Pass& pass = add_pass(replace, value_.elements, bytes, bytes);
      pass.is_uniform = false;
      pass.other = other;
      become(type);
    });
  }

  void lower(const IsMissing& is_missing, std::size_t) {
    if (is_half(value_.type)) cast_to(ElementType::kFloat32);
    apply(entry_of(kernels_.is_missing), ElementType::kBool, is_missing.missing);
  }

  // float16 and bfloat16 have no comparisons of their own, so their values are compared as float32.
  template <typename Apply>
  void on_comparable(Apply apply_as) {
    const ElementType type = value_type(value_.type);
    if (!is_half(type)) {
      apply_as(type);
      return;
    }
    cast_to(ElementType::kFloat32);
    apply_as(ElementType::kFloat32);
    cast_to(type);
  }
  static bool is_half(ElementType type) { return type == ElementType::kFloat16 || type == ElementType::kBfloat16; }

  void lower(const Bits& bits, std::size_t number) {
    const kernels::BitField field{static_cast<std::uint32_t>(bits.start), static_cast<std::uint32_t>(bits.width),
                                  bits.is_signed};
    apply(entry_of(kernels_.bits), shapes_[number].type, field);
  }

  void lower(const Codes& codes, std::size_t number) {
    make_native();
    close_gaps();
    value_.elements = shapes_[number].elements;
    const auto table = std::make_shared<const CodeTable>(codes);
    add_pass([table](const Block& block) { table->look_up(block); }, value_.elements, codes.key_bytes,
             element_bytes(ElementType::kInt32));
    become(ElementType::kInt32);
  }

  void lower(const OneHot& one_hot, std::size_t) {
    make_native();
    close_gaps();
    const auto loop = [spread = kernels_.one_hot[index_of(value_.type)], depth = one_hot.depth](const Block& block) {
      spread(block, depth);
    };
    add_pass(loop, value_.elements, element_bytes(value_.type), one_hot.depth * sizeof(float));
    value_.elements *= one_hot.depth;
    become(ElementType::kFloat32);
  }

  // Places share scratch memory if one is written after the other was last read.
  void assign_scratch() {
    std::vector<std::size_t> last_read(places.size());
    for (std::size_t i = 0; i < passes.size(); ++i) {
      last_read[passes[i].source] = i;
      if (passes[i].other) last_read[*passes[i].other] = i;
    }
    std::vector<std::size_t> register_of(places.size());
    std::vector<std::size_t> bytes;  // of each register
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const auto [source, target] = std::pair(passes[i].source, passes[i].target);
      if (places[target].area == Place::Area::kScratch) {
        if (free.empty()) {
          free.push_back(bytes.size());
          bytes.push_back(0);
        }
        register_of[target] = free.back();
        free.pop_back();
        bytes[register_of[target]] = std::max(bytes[register_of[target]], places[target].bytes);
      }
      const auto free_if_last = [&](std::size_t place) {
        if (places[place].area == Place::Area::kScratch && last_read[place] == i) free.push_back(register_of[place]);
      };
      free_if_last(source);
      if (passes[i].other && passes[i].other != source) free_if_last(*passes[i].other);
    }
    std::vector<std::size_t> offsets;
    for (const std::size_t size : bytes) {
      widest_scratch = std::max(widest_scratch, size);
      offsets.push_back(scratch_bytes);
      scratch_bytes = checked_add(scratch_bytes, size, "bytes between two operations");
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i].area == Place::Area::kScratch) places[i].offset = offsets.empty() ? 0 : offsets[register_of[i]];
    }
  }

  std::span<const std::size_t> source_bytes_;
  const std::vector<Step>& steps_;
  const Kernels& kernels_;
  std::vector<ValueShape> shapes_;
  std::vector<std::uint32_t> firsts_;
  // By step: how many steps and slots use its value, one of these steps, and the slots.
  std::vector<std::size_t> uses_;
  std::vector<std::size_t> user_;
  std::vector<std::vector<Slot>> slots_;
  std::vector<Value> values_;
  // Source, offset and bytes of short rows -> the place that they were copied to.
  std::map<std::array<std::size_t, 3>, std::size_t> together_;
  Value value_;  // the current one

 public:
  std::vector<Pass> passes;
  std::vector<Place> places;
  std::vector<std::size_t> row_bytes;
  std::size_t scratch_bytes = 0;
  std::size_t widest_scratch = 0;
  std::vector<Range> used;  // of each source
};

}  // namespace

DecodePlan::DecodePlan(std::vector<std::size_t> source_bytes, const Program& program,
                       const std::vector<std::size_t>& outputs, std::string_view instruction_set)
    : source_bytes_(std::move(source_bytes)) {
  require(!source_bytes_.empty(), "a plan needs at least one source");
  const DefaultFloatingPoint floating_point;  // operands are rounded to the compute types
  Lowering lowered(source_bytes_, program, outputs, kernels_of(instruction_set));
  passes_ = std::move(lowered.passes);
  places_ = std::move(lowered.places);
  row_bytes_ = std::move(lowered.row_bytes);
  scratch_bytes_ = lowered.scratch_bytes;
  used_begin_ = lowered.used[0].begin;
  used_end_ = lowered.used[0].end;
  std::size_t source_row = 0;
  for (const Range& range : lowered.used)
    source_row = checked_add(source_row, range.end - range.begin, "bytes of rows");
  std::size_t row = 0;
  for (const std::size_t bytes : row_bytes_) row = checked_add(row, bytes, "bytes of all rows");
  const std::size_t per_record = std::max<std::size_t>({source_row, lowered.widest_scratch, row, 1});
  block_records_ = std::clamp<std::size_t>(kBlockBytes / per_record, 1, kMaxBlockRecords);
}

DecodePlan::~DecodePlan() = default;
DecodePlan::DecodePlan(DecodePlan&&) noexcept = default;

}  // namespace binfeed
