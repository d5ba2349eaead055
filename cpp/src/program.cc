#include "binfeed/program.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <span>

#include "binfeed/checked.h"
#include "binfeed/program_bytes.h"

namespace binfeed {
namespace {

constexpr std::uint64_t kMaxBins = std::numeric_limits<std::int64_t>::max();

bool is_integer(ElementType type) { return type >= ElementType::kInt8 && type <= ElementType::kUint64; }
bool is_bool(ElementType type) { return type == ElementType::kBool; }

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
  ValueShape operator()(const Constant& constant) const {
    require(is_output_type(constant.type) && !is_half(constant.type),
            "a constant cannot be of type " + std::string(element_name(constant.type)));
    require(!is_bool(constant.type) || are_bools(constant.words), "a constant bool must be 0 or 1");
    return {constant.type, constant.words.size()};
  }
  ValueShape operator()(const Map& map) const {
    if (is_in_compute_type(map.function)) return {compute_type(in_.type), in_.elements};
    const ElementType type = value_type(in_.type);
    require(map.function != Function::kInvert || is_integer(type) || is_bool(type),
            "only bools and integers are inverted, not " + std::string(element_name(type)));
    return {type, in_.elements};
  }
  ValueShape operator()(const Combine& combine) const {
    const ElementType a = value_type(inputs_[0].type);
    const ElementType b = value_type(inputs_[1].type);
    const std::uint64_t elements = joint_elements(inputs_);
    const bool are_integers = (is_integer(a) || is_bool(a)) && (is_integer(b) || is_bool(b));
    if (is_arithmetic(combine.combination)) {
      if (are_integers && is_exact_on_integers(combine.combination)) return {ElementType::kInt64, elements};
      return {wider(compute_type(a), compute_type(b)), elements};
    }
    const std::string types = std::string(element_name(a)) + " and " + std::string(element_name(b));
    if (is_comparison(combine.combination)) {
      require(a == b || are_integers, "values of " + types + " cannot be compared");
      return {ElementType::kBool, elements};
    }
    require(a == b, "values of " + types + " have no type in common");
    require(!is_bitwise(combine.combination) || are_integers, "floats have no bits to combine");
    return {a, elements};
  }
  ValueShape operator()(const Choose&) const {
    require(is_bool(inputs_[0].type), "a choice needs bools");
    require(value_type(inputs_[1].type) == value_type(inputs_[2].type), "a choice is between values of one type");
    return {value_type(inputs_[1].type), joint_elements(inputs_)};
  }
  ValueShape operator()(const Lag& lag) const {
    require(lag.records <= kMaxHistory, "a lag of " + std::to_string(lag.records) + " records is more than 2^20");
    return in_;
  }
  ValueShape operator()(const FillFirst& fill_first) const {
    require(fill_first.records <= kMaxHistory,
            "filling the first " + std::to_string(fill_first.records) + " records is more than 2^20");
    const ElementType type = value_type(in_.type);
    require(!is_bool(type) || fill_first.replacement <= 1, "the replacement of a bool must be 0 or 1");
    return {type, in_.elements};
  }
  ValueShape operator()(const Clip&) const { return with_words(); }
  ValueShape operator()(const Fill&) const { return with_words(); }
  ValueShape operator()(const IsMissing&) const { return {ElementType::kBool, in_.elements}; }
  ValueShape operator()(const Coalesce& coalesce) const {
    const auto& replacement = coalesce.replacement;
    require(is_bool(inputs_[1].type) && inputs_[1].elements == 1,
            "a coalesce needs one bool per record that says where values are");
    require(replacement.size() == 1 || replacement.size() == in_.elements,
            "a coalesce needs one replacement, or one for each of " + std::to_string(in_.elements) + " elements, not " +
                std::to_string(replacement.size()));
    require(!is_bool(in_.type) || are_bools(replacement), "the replacement of a bool must be 0 or 1");
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
  ValueShape operator()(const Hash& hash) const {
    const ElementType type = value_type(in_.type);
    const bool is_text = hash.text_bytes > 0;
    require(is_text ? element_bytes(type) == 1 && in_.elements % hash.text_bytes == 0 : is_integer(type),
            "keys of " + std::to_string(hash.text_bytes) + " bytes do not fit their field");
    require(hash.salt.empty() || hash.salt.size() == 2, "a salt has two words");
    require(hash.bins <= kMaxBins, "there can be at most 2^63 - 1 bins");
    return {hash.bins > 0 ? ElementType::kInt64 : ElementType::kUint64,
            is_text ? in_.elements / hash.text_bytes : in_.elements};
  }
  ValueShape operator()(const Cross& cross) const {
    for (const ValueShape& input : inputs_) {
      const ElementType type = input.type;
      require(type == ElementType::kInt64 || type == ElementType::kUint64, "only integers of 64 bits can be crossed");
    }
    require(cross.bins <= kMaxBins, "there can be at most 2^63 - 1 bins");
    return {cross.bins > 0 ? ElementType::kInt64 : ElementType::kUint64, joint_elements(inputs_)};
  }
  ValueShape operator()(const OneHot& one_hot) const {
    require(one_hot.depth > 0, "a one_hot must have at least one class");
    checked_output_bytes(one_hot.depth, sizeof(float), "bytes of a one_hot");
    return {ElementType::kFloat32, checked_multiply(in_.elements, one_hot.depth, "elements of a one_hot")};
  }
  ValueShape operator()(const MultiHot& multi_hot) const {
    require(multi_hot.depth > 0, "a multi_hot must have at least one class");
    require(multi_hot.group > 0 && in_.elements % multi_hot.group == 0,
            std::to_string(in_.elements) + " elements are not whole groups of " + std::to_string(multi_hot.group));
    checked_output_bytes(multi_hot.depth, sizeof(float), "bytes of a multi_hot");
    return {ElementType::kFloat32,
            checked_multiply(in_.elements / multi_hot.group, multi_hot.depth, "elements of a multi_hot")};
  }
  ValueShape operator()(const Bucketize& bucketize) const {
    require(bucketize.edges.size() < std::numeric_limits<std::int32_t>::max(), "there are too many edges");
    return {ElementType::kInt32, in_.elements};
  }

 private:
  // Words may be any bits, of which a bool has two.
  ValueShape with_words() const {
    require(in_.type != ElementType::kBool, "bools are neither clipped nor filled");
    return {value_type(in_.type), in_.elements};
  }

  static bool are_bools(const std::vector<std::uint64_t>& words) {
    return std::ranges::all_of(words, [](std::uint64_t word) { return word <= 1; });
  }

  static ElementType wider(ElementType a, ElementType b) { return a == ElementType::kFloat64 ? a : b; }

  // The number of elements of values that are combined one by one.
  static std::uint64_t joint_elements(std::span<const ValueShape> values) {
    std::uint64_t joint = 1;
    for (const ValueShape& value : values) {
      if (value.elements == 1) continue;
      require(joint == 1 || joint == value.elements, "values of " + std::to_string(joint) + " and " +
                                                         std::to_string(value.elements) +
                                                         " elements cannot be combined");
      joint = value.elements;
    }
    return joint;
  }

  static ElementType integer_type(std::size_t bytes, bool is_signed) {
    // Signed and unsigned alternate from int8 on, the narrowest first.
    const auto step = static_cast<std::size_t>(std::countr_zero(bytes)) * 2 + (is_signed ? 0 : 1);
    return static_cast<ElementType>(index_of(ElementType::kInt8) + step);
  }

  std::span<const ValueShape> inputs_;
  ValueShape in_{};  // the first of them
};

std::size_t inputs_of(const Operation& operation) {
  if (std::holds_alternative<Load>(operation) || std::holds_alternative<Constant>(operation)) return 0;
  if (std::holds_alternative<Choose>(operation)) return 3;
  const bool has_two = std::holds_alternative<Combine>(operation) || std::holds_alternative<Coalesce>(operation) ||
                       std::holds_alternative<Cross>(operation);
  return has_two ? 2 : 1;
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
    const bool has_sums = output.type == ElementType::kInt64 || output.type == ElementType::kFloat32 ||
                          output.type == ElementType::kFloat64;
    require(has_sums || !output.is_cumulative,
            what + " of type " + std::string(element_name(output.type)) + " has no cumulative sum");
    for (const std::uint32_t value : output.values) {
      require(value_type(shapes[value].type) == output.type,
              what + " is of type " + std::string(element_name(output.type)) + ", but its operations end in " +
                  std::string(element_name(shapes[value].type)));
    }
  }
  return shapes;
}

std::vector<std::uint32_t> first_equals(const Program& program, const std::vector<ValueShape>& shapes) {
  const std::vector<Step>& steps = program.steps;
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
    const auto* constant = std::get_if<Constant>(&operation);
    const bool is_long = (load != nullptr && load->offsets.size() > kMaxKeyBytes / sizeof(std::uint32_t)) ||
                         (constant != nullptr && constant->words.size() > kMaxKeyBytes / sizeof(std::uint64_t));
    firsts.push_back(is_long ? number : known.emplace(to_bytes(Step{operation, inputs}), number).first->second);
  }
  return firsts;
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
