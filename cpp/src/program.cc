#include "binfeed/program.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <span>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

// The shape that results from an operation on values of a shape. Loops support fewer combinations of types than this
// allows; Lowering checks that.
class Inference {
 public:
  explicit Inference(std::span<const ValueShape> inputs) : inputs_(inputs) {
    if (!inputs.empty()) in_ = inputs[0];
  }

  ValueShape operator()(const Load& load) const {
    require(load.offsets.empty() || load.offsets.size() == load.elements,
            "a load of " + std::to_string(load.elements) + " elements must have as many offsets, not " +
                std::to_string(load.offsets.size()));
    return {load.type, load.elements};
  }
  ValueShape operator()(const Cast& cast) const {
    require(is_output_type(cast.type),
            "values cannot be cast to " + std::string(element_name(cast.type)) + ", which is only found in records");
    return {cast.type, in_.elements};
  }
  ValueShape operator()(const WithOperand& arithmetic) const {
    const std::vector<double>& operand = arithmetic.operand;
    require(operand.size() == 1 || operand.size() == in_.elements,
            "an operation needs one operand, or one for each of " + std::to_string(in_.elements) + " elements, not " +
                std::to_string(operand.size()));
    return {compute_type(in_.type), in_.elements};
  }
  ValueShape operator()(const Log1p&) const { return {compute_type(in_.type), in_.elements}; }
  ValueShape operator()(const Abs&) const { return {value_type(in_.type), in_.elements}; }
  ValueShape operator()(const Clip&) const { return with_words(); }
  ValueShape operator()(const Fill&) const { return with_words(); }
  ValueShape operator()(const IsMissing&) const { return {ElementType::kBool, in_.elements}; }
  ValueShape operator()(const Coalesce& coalesce) const {
    const auto& replacement = coalesce.replacement;
    require(inputs_[1].type == ElementType::kBool && inputs_[1].elements == 1,
            "a coalesce needs one bool per record that says where values are");
    require(replacement.size() == 1 || replacement.size() == in_.elements,
            "a coalesce needs one replacement, or one for each of " + std::to_string(in_.elements) + " elements, not " +
                std::to_string(replacement.size()));
    const bool is_bool = in_.type == ElementType::kBool;
    require(!is_bool || std::ranges::all_of(replacement, [](std::uint64_t word) { return word <= 1; }),
            "the replacement of a bool must be 0 or 1");
    return {value_type(in_.type), in_.elements};
  }
  ValueShape operator()(const Bits& bits) const {
    const std::uint64_t width = 8 * element_bytes(value_type(in_.type));
    require(bits.width > 0 && bits.width <= width && bits.start <= width - bits.width,
            "a bit-field of " + std::to_string(bits.width) + " bits from bit " + std::to_string(bits.start) +
                " on is not within its integer of " + std::to_string(width) + " bits");
    return {integer_type(width / 8, bits.is_signed), in_.elements};
  }
  ValueShape operator()(const Codes& codes) const {
    const ElementType type = value_type(in_.type);
    require(is_integer(type), "only bytes and integers have codes, not " + std::string(element_name(type)));
    const std::uint64_t bytes = element_bytes(type);
    const bool fits =
        bytes == 1 ? codes.key_bytes > 0 && in_.elements % codes.key_bytes == 0 : codes.key_bytes == bytes;
    require(fits, "keys of " + std::to_string(codes.key_bytes) + " bytes do not fit their field");
    const std::uint64_t words = (codes.key_bytes - 1) / 8 + 1;
    require(codes.keys.size() == checked_multiply(codes.codes.size(), words, "words of keys"),
            std::to_string(codes.keys.size()) + " words of keys do not fit " + std::to_string(codes.codes.size()) +
                " codes");
    require(codes.codes.size() < std::numeric_limits<std::uint32_t>::max(), "there can be at most 2^32 - 2 codes");
    return {ElementType::kInt32, bytes == 1 ? in_.elements / codes.key_bytes : in_.elements};
  }
  ValueShape operator()(const OneHot& one_hot) const {
    require(one_hot.depth > 0, "a one_hot must have at least one class");
    checked_output_bytes(one_hot.depth, sizeof(float), "bytes of a one_hot");
    return {ElementType::kFloat32, checked_multiply(in_.elements, one_hot.depth, "elements of a one_hot")};
  }

 private:
  // Words may be any bits, of which a bool has two.
  ValueShape with_words() const {
    require(in_.type != ElementType::kBool, "bools are neither clipped nor filled");
    return {value_type(in_.type), in_.elements};
  }

  static bool is_integer(ElementType type) { return type >= ElementType::kInt8 && type <= ElementType::kUint64; }

  static ElementType integer_type(std::size_t bytes, bool is_signed) {
    // Signed and unsigned alternate from int8 on, the narrowest first.
    const auto step = static_cast<std::size_t>(std::countr_zero(bytes)) * 2 + (is_signed ? 0 : 1);
    return static_cast<ElementType>(index_of(ElementType::kInt8) + step);
  }

  std::span<const ValueShape> inputs_;
  ValueShape in_{};  // the first of them
};

std::size_t inputs_of(const Operation& operation) {
  if (std::holds_alternative<Load>(operation)) return 0;
  return std::holds_alternative<Coalesce>(operation) ? 2 : 1;
}

void require_values(const std::vector<std::uint32_t>& values, std::size_t end, const std::string& what) {
  for (const std::uint32_t value : values) {
    require(value < end, what + " uses value " + std::to_string(value) + ", but there are only " + std::to_string(end));
  }
}

}  // namespace

std::vector<ValueShape> infer(const Program& program) {
  std::vector<ValueShape> shapes;
  shapes.reserve(program.steps.size());
  for (const Step& step : program.steps) {
    const std::size_t inputs = inputs_of(step.operation);
    require(step.inputs.size() == inputs, "a step has " + std::to_string(step.inputs.size()) +
                                              " inputs, but its operation takes " + std::to_string(inputs));
    require_values(step.inputs, shapes.size(), "a step");
    std::vector<ValueShape> in;
    for (const std::uint32_t input : step.inputs) in.push_back(shapes[input]);
    shapes.push_back(std::visit(Inference(in), step.operation));
  }
  for (const OutputSpec& output : program.outputs) {
    const std::string what = "output '" + output.name + "'";
    require(is_output_type(output.type),
            what + " cannot be of type " + std::string(element_name(output.type)) + ", which is only found in records");
    require_values(output.values, shapes.size(), what);
    for (const std::uint32_t value : output.values) {
      require(value_type(shapes[value].type) == output.type,
              what + " is of type " + std::string(element_name(output.type)) + ", but its operations end in " +
                  std::string(element_name(shapes[value].type)));
    }
  }
  return shapes;
}

std::vector<std::size_t> all_outputs(const Program& program) {
  std::vector<std::size_t> numbers(program.outputs.size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  return numbers;
}

std::uint64_t elements_of(const OutputSpec& output, const std::vector<ValueShape>& shapes) {
  std::uint64_t elements = 0;
  for (const std::uint32_t value : output.values) {
    elements = checked_add(elements, shapes[value].elements, "values of output '" + output.name + "'");
  }
  return elements;
}

}  // namespace binfeed
