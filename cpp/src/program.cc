#include "binfeed/program.h"

#include <algorithm>
#include <bit>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

// What comes out of an operation on values of a shape. Loops know fewer combinations than these: which, Lowering says.
class Inference {
 public:
  explicit Inference(ValueShape in) : in_(in) {}

  ValueShape operator()(const Load& load) const {
    require(load.source == 0, "a load is of source " + std::to_string(load.source) + ", but records are source 0");
    require(load.offsets.empty() || load.offsets.size() == load.elements, "a load needs one offset per element");
    return {load.type, load.elements};
  }
  ValueShape operator()(const Cast& cast) const {
    require(is_output_type(cast.type), std::string(element_name(cast.type)) + " is only found in records");
    return {cast.type, in_.elements};
  }
  ValueShape operator()(const Multiply& multiply) const { return computed(multiply.operand); }
  ValueShape operator()(const Add& add) const { return computed(add.operand); }
  ValueShape operator()(const Subtract& subtract) const { return computed(subtract.operand); }
  ValueShape operator()(const Divide& divide) const { return computed(divide.operand); }
  ValueShape operator()(const Log1p&) const { return {compute_type(in_.type), in_.elements}; }
  ValueShape operator()(const Abs&) const { return {value_type(in_.type), in_.elements}; }
  ValueShape operator()(const Clip&) const { return {value_type(in_.type), in_.elements}; }
  ValueShape operator()(const Fill&) const { return {value_type(in_.type), in_.elements}; }
  ValueShape operator()(const IsMissing&) const { return {ElementType::kBool, in_.elements}; }
  ValueShape operator()(const Bits& bits) const {
    const std::uint64_t width = 8 * element_bytes(value_type(in_.type));
    require(bits.width > 0 && bits.width <= width && bits.start <= width - bits.width,
            "a bit-field leaves its integer");
    return {integer_type(width / 8, bits.is_signed), in_.elements};
  }
  ValueShape operator()(const Codes& codes) const {
    require(codes.key_bytes >= 1 && codes.key_bytes <= 8 && element_bytes(in_.type) == 1 &&
                in_.elements % codes.key_bytes == 0,
            "keys must have 1 to 8 bytes and fit their field");
    require(codes.keys.size() == codes.codes.size(), "every key has a code");
    require(std::is_sorted(codes.keys.begin(), codes.keys.end()), "keys must be ascending");
    return {ElementType::kInt32, in_.elements / codes.key_bytes};
  }
  ValueShape operator()(const OneHot& one_hot) const {
    require(one_hot.depth > 0, "a one_hot has at least one class");
    checked_output_bytes(one_hot.depth, sizeof(float), "bytes of a one_hot");
    return {ElementType::kFloat32, checked_multiply(in_.elements, one_hot.depth, "elements of a one_hot")};
  }

 private:
  ValueShape computed(const std::vector<double>& operand) const {
    require(operand.size() == 1 || operand.size() == in_.elements,
            "an operation needs one operand, or one per element");
    return {compute_type(in_.type), in_.elements};
  }

  static ElementType integer_type(std::size_t bytes, bool is_signed) {
    // Signed and unsigned alternate from int8 on, the narrowest first.
    const auto step = static_cast<std::size_t>(std::countr_zero(bytes)) * 2 + (is_signed ? 0 : 1);
    return static_cast<ElementType>(index_of(ElementType::kInt8) + step);
  }

  ValueShape in_;
};

std::size_t inputs_of(const Operation& operation) { return std::holds_alternative<Load>(operation) ? 0 : 1; }

void require_values(const std::vector<std::uint32_t>& values, std::size_t end, const std::string& what) {
  for (const std::uint32_t value : values) require(value < end, what + " is made of a value that there is not");
}

}  // namespace

std::vector<ValueShape> infer(const Program& program) {
  std::vector<ValueShape> shapes;
  shapes.reserve(program.steps.size());
  for (const Step& step : program.steps) {
    require(step.inputs.size() == inputs_of(step.operation), "a step has too many or too few inputs");
    require_values(step.inputs, shapes.size(), "a step");
    shapes.push_back(
        std::visit(Inference(step.inputs.empty() ? ValueShape{} : shapes[step.inputs[0]]), step.operation));
  }
  for (const OutputSpec& output : program.outputs) {
    const std::string what = "output '" + output.name + "'";
    require(is_output_type(output.type), what + " has a type that is only found in records");
    require_values(output.values, shapes.size(), what);
    for (const std::uint32_t value : output.values) {
      require(value_type(shapes[value].type) == output.type, "the operations do not end in the output's type");
    }
  }
  return shapes;
}

std::uint64_t elements_of(const OutputSpec& output, const std::vector<ValueShape>& shapes) {
  std::uint64_t elements = 0;
  for (const std::uint32_t value : output.values) {
    elements = checked_add(elements, shapes[value].elements, "values of output '" + output.name + "'");
  }
  return elements;
}

}  // namespace binfeed
