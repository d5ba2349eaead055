// Turns the steps of a program into passes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "binfeed/program.h"
#include "kernels/kernels.h"
#include "pass.h"

namespace binfeed {

// A value between two passes: where it lies, and in which form.
struct Value {
  std::size_t place = 0;
  std::size_t lag = 0;  // how many rows before their own its values are
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

// What arithmetic on floats computes with a constant; nothing for a step that is none.
struct WithConstant {
  kernels::Arithmetic arithmetic{};
  const Constant* constant = nullptr;

  explicit operator bool() const { return constant != nullptr; }
  // One number, or one per element.
  std::vector<double> operand() const;
};

// The arithmetic that does both operations in one pass, with the same roundings, if there is one.
std::optional<kernels::Arithmetic> fused(kernels::Arithmetic first, kernels::Arithmetic second);

class Lowering {
 public:
  Lowering(std::span<const std::size_t> source_bytes, const Program& program, const std::vector<std::size_t>& outputs,
           const kernels::Kernels& kernels);

  // Gives every place in scratch memory an offset, for blocks of this many records.
  void assign_scratch(std::size_t block_records);

  std::vector<Pass> passes = {};
  std::vector<Place> places = {};
  std::vector<std::vector<std::byte>> constants = {};
  std::vector<std::size_t> row_bytes = {};
  std::vector<Range> used;       // of each source
  std::size_t history = 0;       // rows before a block that some step looks back at
  std::size_t scratch_bytes = 0;

 private:
  // The part of an output's row that a value fills.
  struct Slot {
    std::size_t output;
    std::size_t offset;
  };

  // The graph of steps (lowering.cc).
  void add_output(const OutputSpec& output, std::size_t k);
  void count_uses();
  std::size_t input_of(std::size_t number, std::size_t k = 0) const { return firsts_[steps_[number].inputs[k]]; }
  std::optional<std::size_t> only_user_of(std::size_t number) const;
  WithConstant with_constant(std::size_t number) const;
  bool is_left_to_its_user(std::size_t number) const;
  bool can_round(std::size_t number) const;
  std::optional<double> factor_after(std::size_t number) const;
  void lower(std::size_t number);

  // Places and passes (lowering.cc).
  void fill_slots(std::span<const Slot> slots, std::size_t passes_before);
  bool leaves_gaps(const Pass& pass, const Slot& slot) const;
  void place_in(std::size_t place, const Slot& slot);
  std::size_t new_place(std::size_t bytes);
  // Adds a pass from the current value to a new place, where it has `elements` elements of `target_bytes` bytes each.
  Pass& add_pass(std::function<void(const kernels::Block&)> loop, std::size_t elements, std::size_t source_bytes,
                 std::size_t target_bytes);
  void become(ElementType to);
  void close_gaps();
  Pass& copy_rows(std::size_t bytes);
  // Afterwards the values are in the machine's byte order, even if they already had the type.
  void cast_to(ElementType to);
  void convert(ElementType to);
  // Makes the value one of a type that outputs may have, in the machine's byte order.
  void make_native();
  void make_bools_0_or_1();
  void require_loop(bool exists) const;

  // The entry of a table of kernels for the value's current type and byte order.
  template <typename Table>
  const auto& entry_of(const Table& table) const {
    return table[index_of(value_.type)][value_.is_swapped ? 1 : 0];
  }

  // Adds the pass of an operation on every element. `loop` is called with the block and then the arguments.
  template <typename Loop, typename... Arguments>
  Pass& apply(Loop loop, ElementType to, Arguments... arguments) {
    require_loop(loop != nullptr);
    close_gaps();
    Pass& pass = add_pass([loop, arguments...](const kernels::Block& block) { loop(block, arguments...); },
                          value_.elements, element_bytes(value_.type), element_bytes(to));
    become(to);
    return pass;
  }

  // The operations (lowering_operations.cc). Each begins with the first input of step `number` as the current value,
  // and ends with its own.
  void lower(const Load& load, std::size_t number);
  void lower(const Constant& constant, std::size_t number);
  void lower(const Cast& cast, std::size_t number);
  void lower(const Map& map, std::size_t number);
  void lower(const Combine& combine, std::size_t number);
  void lower(const Choose& choose, std::size_t number);
  void lower(const Lag& lag, std::size_t number);
  void lower(const FillFirst& fill_first, std::size_t number);
  void lower(const Clip& clip, std::size_t number);
  void lower(const Fill& fill, std::size_t number);
  void lower(const IsMissing& is_missing, std::size_t number);
  void lower(const Coalesce& coalesce, std::size_t number);
  void lower(const Bits& bits, std::size_t number);
  void lower(const Codes& codes, std::size_t number);
  void lower(const Hash& hash, std::size_t number);
  void lower(const Cross& cross, std::size_t number);
  void lower(const OneHot& one_hot, std::size_t number);
  void lower(const MultiHot& multi_hot, std::size_t number);
  void lower(const Bucketize& bucketize, std::size_t number);

  void unpack(const Load& load);
  void gather(const Load& load);
  void gather_elements(std::vector<std::uint32_t> offsets, std::size_t bytes);
  void compute(std::size_t number, ElementType to);
  void combine(std::size_t number, ElementType to);
  void combine_scaled(std::size_t number, double factor, ElementType to);
  template <typename C, typename Loop>
  void add_arithmetic(Loop loop, ElementType to, const std::vector<double>& a, const std::vector<double>& b,
                      bool is_per_element);
  Value operand_as(std::size_t number, ElementType type);
  // Adds a pass from several values, which are combined one by one.
  void add_joint_pass(std::function<void(const kernels::Block&)> loop, std::span<const Value> values, ElementType to,
                      std::size_t elements);
  std::pair<ElementType, ElementType> operand_types(Combination combination, std::size_t number) const;
  Input input_from(const Value& value, std::size_t joint_elements) const;
  template <typename Apply>
  void on_comparable(Apply apply_as);

  std::span<const std::size_t> source_bytes_;
  const std::vector<Step>& steps_;
  const kernels::Kernels& kernels_;
  std::vector<ValueShape> shapes_;
  std::vector<std::uint32_t> firsts_;
  // By step: how many steps and slots use its value, one of these steps, the slots, and the rows before those of a
  // block that its users look back at.
  std::vector<std::size_t> uses_;
  std::vector<std::size_t> user_;
  std::vector<std::vector<Slot>> slots_;
  std::vector<std::size_t> before_;
  std::vector<Value> values_;
  // Source, offset and bytes of short rows, with the rows before -> the place that they were copied to.
  std::map<std::array<std::size_t, 5>, std::size_t> together_;
  Value value_;               // the current one
  std::size_t current_before_ = 0;  // rows before those of a block for which passes are added
};

}  // namespace binfeed
