// The steps of a program, for people to read.
#include "listing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <string>
#include <utility>
#include <variant>

namespace binfeed::bindings {
namespace {

// What a step does, apart from its name, inputs and type.
class Argument {
 public:
  std::string operator()(const Load& load) const {
    return std::to_string(load.source) + ":" + std::to_string(load.offset);
  }
  std::string operator()(const Constant& constant) const {
    constexpr std::size_t kMost = 4;
    std::string text;
    for (std::size_t i = 0; i < std::min(constant.words.size(), kMost); ++i) {
      text += (i > 0 ? ", " : "") + number(constant.words[i], constant.type);
    }
    return constant.words.size() > kMost ? text + ", ..." : text;
  }
  std::string operator()(const Map& map) const { return name_in(kFunctionNames, map.function); }
  std::string operator()(const Combine& combine) const { return name_in(kCombinationNames, combine.combination); }
  std::string operator()(const Lag& lag) const { return std::to_string(lag.records); }
  std::string operator()(const FillFirst& fill_first) const { return std::to_string(fill_first.records); }
  std::string operator()(const OneHot& one_hot) const { return std::to_string(one_hot.depth); }
  std::string operator()(const MultiHot& multi_hot) const { return std::to_string(multi_hot.depth); }
  std::string operator()(const Hash& hash) const { return std::to_string(hash.bins); }
  std::string operator()(const Cross& cross) const { return std::to_string(cross.bins); }
  std::string operator()(const Codes& codes) const { return std::to_string(codes.codes.size()); }
  std::string operator()(const Bucketize& bucketize) const { return std::to_string(bucketize.edges.size()); }
  template <typename Other>
  std::string operator()(const Other&) const {
    return "";
  }

 private:
  template <typename Names, typename Enum>
  static std::string name_in(const Names& names, Enum value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }

  static std::string number(std::uint64_t word, ElementType type) {
    std::array<char, 32> text{};
    const auto written = [&](auto value) {
      return std::string(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
    };
    if (type == ElementType::kFloat32) return written(std::bit_cast<float>(static_cast<std::uint32_t>(word)));
    if (type == ElementType::kFloat64) return written(std::bit_cast<double>(word));
    // A word has zeros above a narrower value.
    const auto unused = static_cast<int>(64 - 8 * element_bytes(type));
    const bool is_signed = type == ElementType::kInt8 || type == ElementType::kInt16 || type == ElementType::kInt32 ||
                           type == ElementType::kInt64;
    return is_signed ? written(static_cast<std::int64_t>(word << unused) >> unused) : written(word);
  }
};

}  // namespace

std::vector<ListedStep> listed_steps(const Program& program) {
  const std::vector<ValueShape> shapes = infer(program);
  const std::vector<std::uint32_t> firsts = first_equals(program, shapes);
  std::vector<bool> is_needed(program.steps.size());
  for (const OutputSpec& output : program.outputs) {
    for (const std::uint32_t value : output.values) is_needed[firsts[value]] = true;
  }
  for (std::size_t number = program.steps.size(); number-- > 0;) {
    if (!is_needed[number]) continue;
    for (const std::uint32_t input : program.steps[number].inputs) is_needed[firsts[input]] = true;
  }
  std::vector<ListedStep> listed;
  for (std::uint32_t number = 0; number < program.steps.size(); ++number) {
    if (!is_needed[number]) continue;
    const auto& [operation, inputs] = program.steps[number];
    std::vector<std::uint32_t> numbers;
    for (const std::uint32_t input : inputs) numbers.push_back(firsts[input]);
    listed.emplace_back(number, std::visit([](const auto& any) { return std::string(any.kName); }, operation),
                        std::visit(Argument(), operation), std::move(numbers),
                        std::string(element_name(shapes[number].type)), shapes[number].elements);
  }
  return listed;
}

std::vector<std::vector<std::uint32_t>> listed_outputs(const Program& program) {
  const std::vector<std::uint32_t> firsts = first_equals(program, infer(program));
  std::vector<std::vector<std::uint32_t>> listed;
  for (const OutputSpec& output : program.outputs) {
    std::vector<std::uint32_t>& numbers = listed.emplace_back();
    for (const std::uint32_t value : output.values) numbers.push_back(firsts[value]);
  }
  return listed;
}

}  // namespace binfeed::bindings
