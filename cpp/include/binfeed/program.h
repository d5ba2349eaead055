// What is computed for each record: steps with numbered inputs, and outputs made of their values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "binfeed/element_type.h"
#include "binfeed/packing.h"

namespace binfeed {

// How numbers that are not whole bytes are packed in a field.
struct PackingSpec {
  Packing packing = Packing::kNone;
  std::uint64_t bits = 0;      // per number
  std::uint64_t elements = 0;  // numbers in the field
};

// The operations, each with its name and arguments. infer() (program.cc) has its types, Lowering (decode_plan.cc) its
// passes, and kernel_bodies.inc its loop. A word is a value of the input's type as bits, the lowest first; for float16
// and bfloat16, a value of float32.

// Takes some elements of each row of a source. It is the only operation without inputs.
struct Load {
  static constexpr std::string_view kName = "load";
  std::uint32_t source = 0;  // the records of files are source 0, and the only one
  ElementType type{};        // of an element; of packed numbers once they are unpacked
  PackingSpec packing = {};
  bool is_swapped = false;                  // whether the byte order is not that of this machine
  std::uint64_t offset = 0;                 // of the first element within the row
  std::uint64_t elements = 1;               // per row
  std::vector<std::uint32_t> offsets = {};  // of each element from `offset`, once unpacked; empty if contiguous
};

struct Cast {
  static constexpr std::string_view kName = "cast";
  ElementType type{};
};

// Arithmetic with one operand, or one per element, in the compute type of the input.
struct WithOperand {
  std::vector<double> operand = {};
};
struct Multiply : WithOperand {
  static constexpr std::string_view kName = "multiply";
};
struct Add : WithOperand {
  static constexpr std::string_view kName = "add";
};
struct Subtract : WithOperand {
  static constexpr std::string_view kName = "subtract";
};
struct Divide : WithOperand {
  static constexpr std::string_view kName = "divide";
};

struct Log1p {
  static constexpr std::string_view kName = "log1p";
};

// The absolute value. The lowest signed integer becomes the highest.
struct Abs {
  static constexpr std::string_view kName = "abs";
};

// Limits values to [low, high], which are words.
struct Clip {
  static constexpr std::string_view kName = "clip";
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

// Puts `replacement` in place of NaN and of the value `missing`. Both arguments are words.
struct Fill {
  static constexpr std::string_view kName = "fill";
  std::uint64_t missing = 0;
  std::uint64_t replacement = 0;
};

// Tests for NaN and the value `missing`, which is a word.
struct IsMissing {
  static constexpr std::string_view kName = "is_missing";
  std::uint64_t missing = 0;
};

// Puts `replacement` where the second input, one bool per record, is false: a word, or one for each element.
struct Coalesce {
  static constexpr std::string_view kName = "coalesce";
  std::vector<std::uint64_t> replacement = {};
};

// Takes `width` bits of an integer, from bit `start` on, as an integer of the same size.
struct Bits {
  static constexpr std::string_view kName = "bits";
  std::uint64_t start = 0;
  std::uint64_t width = 1;
  bool is_signed = false;
};

// Looks up the int32 code of each key, or `otherwise` if it is not listed. A key is `key_bytes` bytes side by side, or
// an integer of that size.
struct Codes {
  static constexpr std::string_view kName = "codes";
  std::uint64_t key_bytes = 1;
  std::int32_t otherwise = -1;
  // The bytes of each key in words of 8, the first byte being the lowest and 0 what is missing.
  std::vector<std::uint64_t> keys = {};
  std::vector<std::int32_t> codes = {};
};

// Turns each element into `depth` float32: 1 at the index that the element is, 0 elsewhere.
struct OneHot {
  static constexpr std::string_view kName = "one_hot";
  std::uint64_t depth = 1;
};

using Operation = std::variant<Load, Cast, Multiply, Add, Subtract, Divide, Log1p, Abs, Clip, Fill, IsMissing, Coalesce,
                               Bits, Codes, OneHot>;

// Makes one value, which has the number of the step.
struct Step {
  Operation operation;
  std::vector<std::uint32_t> inputs = {};  // numbers of earlier steps
};

// One array with a row per record, in which the values lie side by side.
struct OutputSpec {
  std::string name;  // for messages
  ElementType type{};
  bool is_target = false;  // whether it is read from the target of a sample, see Window
  std::vector<std::uint32_t> values = {};
};

struct Program {
  std::vector<Step> steps = {};
  std::vector<OutputSpec> outputs = {};
};

// The type and number of elements that a step makes for each record.
struct ValueShape {
  ElementType type{};
  std::uint64_t elements = 0;
};

// The shape of the value of every step. Throws kArgument, saying what is wrong, unless the inputs of all steps exist,
// their arguments fit, and all outputs are made of values of their type.
std::vector<ValueShape> infer(const Program& program);

// The numbers of all outputs.
std::vector<std::size_t> all_outputs(const Program& program);

// The number of elements that an output has for each record.
std::uint64_t elements_of(const OutputSpec& output, const std::vector<ValueShape>& shapes);

}  // namespace binfeed
