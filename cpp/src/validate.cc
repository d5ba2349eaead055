#include <string>

#include "binfeed/checked.h"
#include "binfeed/read_plan.h"

namespace binfeed {
namespace {

void validate(const Layout& layout) {
  require(layout.record_bytes >= 1, "a record must have at least one byte");
  require(layout.record_bytes <= kMaxBatchBytes,
          "a record of " + std::to_string(layout.record_bytes) + " bytes is too large");
  const std::uint64_t frame = checked_add(layout.header_bytes, layout.footer_bytes, "bytes of header and footer");
  require(frame <= static_cast<std::uint64_t>(kMaxSize),
          "header and footer of " + std::to_string(frame) + " bytes are too large");
}

void validate(const FileSpec& file) {
  require(!file.path.empty() && file.path.find('\0') == std::string::npos, "a path is empty, or has a NUL byte in it");
  require(file.identity.size <= static_cast<std::uint64_t>(kMaxSize),
          "'" + file.path + "' cannot have " + std::to_string(file.identity.size) + " bytes");
}

void validate(const OutputSpec& output, std::uint64_t elements, const ArraySpec& array, const Window& window) {
  const std::string what = "output '" + output.name + "'";
  require(!output.is_target || window.target_size > 0, what + " is of a target, but there is none");
  require(array.item_bytes > 0, what + " has items of no bytes");
  require(!array.is_string || output.type == ElementType::kUint8, "strings are made of bytes, not of numbers");
  std::uint64_t bytes = array.item_bytes;
  for (const std::int64_t side : array.shape) {
    require(side >= 0, what + " has a negative side");
    bytes = checked_output_bytes(bytes, static_cast<std::uint64_t>(side), what + ", bytes x side");
  }
  const std::int64_t records = output.is_target ? window.target_size : window.size;
  const std::uint64_t row = checked_output_bytes(elements, element_bytes(output.type), what + ", values x bytes");
  require(
      bytes == checked_output_bytes(row, static_cast<std::uint64_t>(records), what + ", bytes of a record x records"),
      "the shape of " + what + " does not fit its values");
}

}  // namespace

void validate(const ReadPlan& plan) {
  validate(plan.layout);
  for (const FileSpec& file : plan.files) validate(file);
  plan.window.span();
  const std::vector<ValueShape> shapes = infer(plan.program);
  const std::vector<OutputSpec>& outputs = plan.program.outputs;
  require(plan.arrays.size() == outputs.size(), "a plan has one array for each output");
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    validate(outputs[k], elements_of(outputs[k], shapes), plan.arrays[k], plan.window);
  }
  validate(plan.schedule);
}

}  // namespace binfeed
