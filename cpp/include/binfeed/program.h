// What is computed for each record: steps with numbered inputs, and the outputs that are made of their values.
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

// How numbers that are no whole bytes lie in a field.
struct PackingSpec {
  Packing packing = Packing::kNone;
  std::uint64_t bits = 0;      // per number
  std::uint64_t elements = 0;  // numbers in the field
};

// The operations. Each is described here, by its name and arguments; its types are in infer() (program.cc), its passes
// in Lowering (decode_plan.cc), its loop in kernel_bodies.inc. Words are values of the type that goes in (of halves, in
// float32), as bits, the lowest first.

// Some elements of a row of a source. It is the only operation without inputs.
struct Load {
  static constexpr std::string_view kName = "load";
  std::uint32_t source = 0;  // records of files are source 0
  ElementType type{};        // of an element; of packed numbers, what they become
  PackingSpec packing = {};
  bool is_swapped = false;                  // the bytes are in the order that this machine has not
  std::uint64_t offset = 0;                 // of the first element within the row
  std::uint64_t elements = 1;               // per row
  std::vector<std::uint32_t> offsets = {};  // of each element, from `offset`, once unpacked; empty: they are contiguous
};

struct Cast {
  static constexpr std::string_view kName = "cast";
  ElementType type{};
};

// Arithmetic with one number, or one per element, in the compute type of the values that go in.
struct Multiply {
  static constexpr std::string_view kName = "multiply";
  std::vector<double> operand = {};
};
struct Add {
  static constexpr std::string_view kName = "add";
  std::vector<double> operand = {};
};
struct Subtract {
  static constexpr std::string_view kName = "subtract";
  std::vector<double> operand = {};
};
struct Divide {
  static constexpr std::string_view kName = "divide";
  std::vector<double> operand = {};
};

struct Log1p {
  static constexpr std::string_view kName = "log1p";
};

// The lowest signed integer becomes the highest.
struct Abs {
  static constexpr std::string_view kName = "abs";
};

struct Clip {
  static constexpr std::string_view kName = "clip";
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

// The replacement for NaN and for one more value.
struct Fill {
  static constexpr std::string_view kName = "fill";
  std::uint64_t missing = 0;
  std::uint64_t replacement = 0;
};

// Whether it is NaN or one more value.
struct IsMissing {
  static constexpr std::string_view kName = "is_missing";
  std::uint64_t missing = 0;
};

// An integer of as many bits as go in comes out.
struct Bits {
  static constexpr std::string_view kName = "bits";
  std::uint64_t start = 0;
  std::uint64_t width = 1;
  bool is_signed = false;
};

// int32 for each key of so many bytes.
struct Codes {
  static constexpr std::string_view kName = "codes";
  std::uint64_t key_bytes = 1;
  std::int32_t otherwise = -1;
  std::vector<std::uint64_t> keys = {};  // ascending
  std::vector<std::int32_t> codes = {};
};

// So many float32 for each element.
struct OneHot {
  static constexpr std::string_view kName = "one_hot";
  std::uint64_t depth = 1;
};

using Operation =
    std::variant<Load, Cast, Multiply, Add, Subtract, Divide, Log1p, Abs, Clip, Fill, IsMissing, Bits, Codes, OneHot>;

// A step makes one value, which has the step's number.
struct Step {
  Operation operation;
  std::vector<std::uint32_t> inputs = {};  // numbers of earlier steps
};

// One array: a row per record, made of values side by side.
struct OutputSpec {
  std::string name;  // for messages
  ElementType type{};
  bool is_target = false;  // of the records of a sample's target, see Window
  std::vector<std::uint32_t> values = {};
};

struct Program {
  std::vector<Step> steps = {};
  std::vector<OutputSpec> outputs = {};
};

// The values that a step makes for each record.
struct ValueShape {
  ElementType type{};
  std::uint64_t elements = 0;
};

// The shape of every step's value. Throws kArgument, saying what is wrong, unless all steps have inputs that exist and
// arguments that fit them, and all outputs are made of values of their type.
std::vector<ValueShape> infer(const Program& program);

// Values that an output has for each record.
std::uint64_t elements_of(const OutputSpec& output, const std::vector<ValueShape>& shapes);

}  // namespace binfeed
