// BinfeedRead: number of a batch -> its arrays.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "binfeed/status.h"
#include "kernel.h"
#include "ops.h"
#include "shared_reader.h"
#include "tensors.h"

namespace binfeed::tensorflow {
namespace {

constexpr std::int64_t kSamplesAhead = 1 << 14;
constexpr std::int64_t kMaxBatchesAhead = 64;

class ReadKernel {
 public:
  explicit ReadKernel(TF_OpKernelConstruction* construction)
      : shared_(SharedReader::get(string_attribute(construction, "plan"))),
        types_(types_attribute(construction, "output_types")) {
    if (types_.size() != shared_->arrays().size()) {
      throw Failure(TF_INVALID_ARGUMENT, "output_types does not fit the plan");
    }
  }

  void compute(TF_OpKernelContext* context) const {
    const std::int64_t number = scalar_input(context, 0);
    const Schedule& schedule = shared_->schedule();
    const Reader& reader = shared_->reader();
    const Schedule::Batch batch = schedule.locate(number);
    const OrderPointer order = schedule.order(batch.epoch);
    reader.read_ahead(*order, batch.position, batch.count);
    ask_for_later_batch(number, batch.epoch, *order);
    Arrays arrays(reader.output_bytes(), batch.count);
    reader.read(*order, batch.position, batch.count, arrays.bytes());
    arrays.set_outputs(context, types_, shared_->arrays(), std::span(&batch.count, 1));
  }

 private:
  // The batches between were asked for when those before them were read. Whether anybody wants this one is not known, so
  // an error is left to who reads it.
  void ask_for_later_batch(std::int64_t number, std::int64_t epoch, const Order& order) const {
    const Schedule& schedule = shared_->schedule();
    const std::int64_t ahead = std::clamp<std::int64_t>(kSamplesAhead / schedule.spec().batch_size, 1, kMaxBatchesAhead);
    if (!schedule.has(number + ahead)) return;
    const Schedule::Batch batch = schedule.locate(number + ahead);
    if (batch.epoch != epoch) return;
    try {
      shared_->reader().read_ahead(order, batch.position, batch.count);
    } catch (const Error&) {
    }
  }

  std::shared_ptr<const SharedReader> shared_;
  std::vector<TF_DataType> types_;
};

}  // namespace

void register_read_op() {
  register_op<ReadKernel>("BinfeedRead", "number: int64", {"plan: string", "output_types: list(type) >= 1"},
                          "arrays: output_types");
}

}  // namespace binfeed::tensorflow
