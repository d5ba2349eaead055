// What is computed for each record: steps with numbered inputs, and outputs made of their values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "binfeed/element_type.h"
#include "binfeed/elementwise.h"
#include "binfeed/packing.h"

namespace binfeed {

// How numbers that are not whole bytes are packed in a field.
struct PackingSpec {
  Packing packing = Packing::kNone;
  std::uint64_t bits = 0;      // per number
  std::uint64_t elements = 0;  // numbers in the field
};

// The operations, each with its name and arguments. infer() (program.cc) has its types, Lowering (lowering.h) its
// passes, and kernel_bodies.inc its loop. A word is a value of the input's type as bits, the lowest first; for float16
// and bfloat16, a value of float32.

// Takes some elements of each row of a source.
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

// The same elements for every row: each is a word of `type`, which is none of the halves.
struct Constant {
  static constexpr std::string_view kName = "constant";
  ElementType type{};
  std::vector<std::uint64_t> words = {};
};

struct Cast {
  static constexpr std::string_view kName = "cast";
  ElementType type{};
};

// Applies a function to each element.
struct Map {
  static constexpr std::string_view kName = "map";
  Function function{};
};

// Combines the elements of two inputs one by one; the only element of one takes part in all elements of the other.
struct Combine {
  static constexpr std::string_view kName = "combine";
  Combination combination{};
};

// Takes elements from the second input where the first, of bools, is true, else from the third, which has the type of
// the second. Any of them may have a single element, which stands for all.
struct Choose {
  static constexpr std::string_view kName = "choose";
};

// The most records that a program may look back: the values of as many rows are kept between two operations.
inline constexpr std::uint64_t kMaxHistory = 1 << 20;

// The value of the row that lies `records` rows before.
struct Lag {
  static constexpr std::string_view kName = "lag";
  std::uint64_t records = 1;
};

// Puts a word in place of the values of the first `records` records of a file.
struct FillFirst {
  static constexpr std::string_view kName = "fill_first";
  std::uint64_t records = 1;
  std::uint64_t replacement = 0;
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

// Hashes each key as TensorFlow does, see hashing.h. A key is an integer, or if `text_bytes` is not 0 that many bytes
// side by side, without the zeros at their end. The result is the hash as uint64 if `bins` is 0, else the int64 that
// remains when it is divided by `bins`. The salt is empty, or the two words of a key.
struct Hash {
  static constexpr std::string_view kName = "hash";
  std::uint64_t text_bytes = 0;
  std::uint64_t bins = 0;
  std::vector<std::uint64_t> salt = {};
};

// Makes one hash of the elements of two inputs, which are integers of 64 bits, with the result of a Hash.
struct Cross {
  static constexpr std::string_view kName = "cross";
  std::uint64_t bins = 0;
};

// Turns each element into `depth` float32: 1 at the index that the element is, 0 elsewhere.
struct OneHot {
  static constexpr std::string_view kName = "one_hot";
  std::uint64_t depth = 1;
};

// Turns each group of `group` elements into `depth` float32: 1 at the indices that they are, 0 elsewhere.
struct MultiHot {
  static constexpr std::string_view kName = "multi_hot";
  std::uint64_t group = 1;
  std::uint64_t depth = 1;
};

// Counts the edges that are not above the element, as int32; NaN is above all. Edges are words in rising order. Only
// for values of int64, uint64, float32 and float64.
struct Bucketize {
  static constexpr std::string_view kName = "bucketize";
  std::vector<std::uint64_t> edges = {};
};

using Operation = std::variant<Load, Constant, Cast, Map, Combine, Choose, Lag, FillFirst, Clip, Fill, IsMissing,
                               Coalesce, Bits, Codes, Hash, Cross, OneHot, MultiHot, Bucketize>;

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
  bool is_cumulative = false;  // whether each row is added to those before it in the sample
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

// For each step, the number of the first one that makes the same value: what outputs have in common is computed once.
std::vector<std::uint32_t> first_equals(const Program& program, const std::vector<ValueShape>& shapes);

// The numbers of all outputs.
std::vector<std::size_t> all_outputs(const Program& program);

// The number of elements that an output has for each record.
std::uint64_t elements_of(const OutputSpec& output, const std::vector<ValueShape>& shapes);

}  // namespace binfeed
