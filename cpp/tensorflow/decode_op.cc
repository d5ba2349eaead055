// BinfeedDecode: strings of bytes -> the arrays of the records in them.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "binfeed/decoder.h"
#include "binfeed/instruction_set.h"
#include "binfeed/record_decoder.h"
#include "kernel.h"
#include "ops.h"
#include "tensors.h"

namespace binfeed::tensorflow {
namespace {

using String = std::span<const std::byte>;

class DecodeKernel {
 public:
  explicit DecodeKernel(TF_OpKernelConstruction* construction)
      : DecodeKernel(read_plan(string_attribute(construction, "plan")), construction) {}

  void compute(TF_OpKernelContext* context) const {
    const Tensor tensor = input(context, 0);
    const std::vector<String> strings = strings_of(tensor.get());
    std::vector<String> records;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < strings.size(); ++i) {
      records.push_back(holds_many_ ? body(strings[i], i) : one(strings[i], i));
      count += static_cast<std::int64_t>(records.back().size() / layout_.record_bytes);
    }
    BatchBuffers arrays(plan_.row_bytes(), count);
    decode_all(records, arrays.bytes());
    set_outputs(context, types_, specs_, holds_many_ ? std::vector{count} : shape_of(tensor.get()), std::move(arrays));
  }

 private:
  DecodeKernel(const ReadPlan& plan, TF_OpKernelConstruction* construction)
      : layout_(plan.layout),
        plan_({plan.layout.record_bytes}, plan.program, all_outputs(plan.program), default_instruction_set()),
        specs_(plan.arrays),
        types_(types_attribute(construction, "output_types")),
        holds_many_(bool_attribute(construction, "many")) {
    check_types(types_, plan);
    if (plan.window.span() > 1)
      throw Failure(TF_INVALID_ARGUMENT, "strings are decoded record by record, not in windows");
    if (plan_.history() > 0 || !plan_.sums().empty())
      throw Failure(TF_INVALID_ARGUMENT, "strings are decoded record by record: none has records before it");
  }

  String one(String string, std::size_t number) const {
    if (string.size() != layout_.record_bytes) {
      throw Failure(TF_INVALID_ARGUMENT, "string " + std::to_string(number) + " has " + std::to_string(string.size()) +
                                             " bytes, but a record has " + std::to_string(layout_.record_bytes) +
                                             "; use many=True for strings of several records");
    }
    return string;
  }

  String body(String string, std::size_t number) const {
    const std::size_t frame = layout_.header_bytes + layout_.footer_bytes;
    if (string.size() < frame || (string.size() - frame) % layout_.record_bytes != 0) {
      throw Failure(TF_INVALID_ARGUMENT, "string " + std::to_string(number) + " of " + std::to_string(string.size()) +
                                             " bytes is not a whole number of records of " +
                                             std::to_string(layout_.record_bytes) + " bytes" +
                                             (frame > 0 ? " between header and footer" : ""));
    }
    return string.subspan(layout_.header_bytes, string.size() - frame);
  }

  void decode_all(const std::vector<String>& strings, const std::vector<std::byte*>& outputs) const {
    const DefaultFloatingPoint floating_point;
    RecordDecoder decoder(plan_, outputs);
    const std::size_t record_bytes = layout_.record_bytes;
    for (const String string : strings) {
      decoder.add(string.data(), record_bytes, static_cast<std::int64_t>(string.size() / record_bytes));
    }
    decoder.flush();
  }

  Layout layout_;
  DecodePlan plan_;
  std::vector<ArraySpec> specs_;
  std::vector<TF_DataType> types_;
  bool holds_many_;
};

}  // namespace

void register_decode_op() {
  register_op<DecodeKernel>("BinfeedDecode", {"records: string"},
                            {"plan: string", "output_types: list(type) >= 1", "many: bool"}, {"arrays: output_types"});
}

}  // namespace binfeed::tensorflow
