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

// Values that come out of a column for each record.
std::uint64_t elements_out(const ColumnSpec& column) {
  std::uint64_t elements = column.elements;
  for (const Operation& operation : column.operations) {
    if (operation.code != Operation::Code::kOneHot && operation.code != Operation::Code::kCodes) continue;
    require(!operation.words.empty() && operation.words[0] > 0, "a one_hot has classes, and codes have keys");
    if (operation.code == Operation::Code::kOneHot) {
      elements = checked_multiply(elements, operation.words[0], "elements of a one_hot");
    } else {
      elements /= operation.words[0];
    }
  }
  return elements;
}

// Bytes of an output for each sample.
std::uint64_t sample_bytes(const OutputSpec& output, const Window& window) {
  const std::string what = "output '" + output.name + "'";
  std::uint64_t elements = 0;
  for (const ColumnSpec& column : output.columns) elements = checked_add(elements, elements_out(column), what);
  const std::int64_t records = output.is_target ? window.target_size : window.size;
  const std::uint64_t row = checked_output_bytes(elements, element_bytes(output.type), what + ", values x bytes");
  return checked_output_bytes(row, static_cast<std::uint64_t>(records), what + ", bytes of a record x records");
}

void validate(const OutputSpec& output, const ArraySpec& array, const Window& window) {
  require(index_of(output.type) < kOutputTypes,
          "output '" + output.name + "' has a type that is only found in records");
  require(!output.is_target || window.target_size > 0,
          "output '" + output.name + "' is of a target, but there is none");
  require(array.item_bytes > 0, "output '" + output.name + "' has items of no bytes");
  require(!array.is_string || output.type == ElementType::kUint8, "strings are made of bytes, not of numbers");
  std::uint64_t bytes = array.item_bytes;
  for (const std::int64_t side : array.shape) {
    require(side >= 0, "output '" + output.name + "' has a negative side");
    bytes = checked_output_bytes(bytes, static_cast<std::uint64_t>(side), "output '" + output.name + "', bytes x side");
  }
  require(bytes == sample_bytes(output, window), "the shape of output '" + output.name + "' does not fit its values");
}

}  // namespace

void validate(const ReadPlan& plan) {
  validate(plan.layout);
  for (const FileSpec& file : plan.files) validate(file);
  plan.window.span();
  require(plan.arrays.size() == plan.outputs.size(), "a plan has one array for each output");
  for (std::size_t k = 0; k < plan.outputs.size(); ++k) validate(plan.outputs[k], plan.arrays[k], plan.window);
  validate(plan.schedule);
}

}  // namespace binfeed
