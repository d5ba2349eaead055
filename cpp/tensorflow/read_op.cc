// BinfeedRead: numbers of batches -> their arrays, all rows one after the other, and how many rows each batch has.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "binfeed/read_ahead.h"
#include "binfeed/checked.h"
#include "kernel.h"
#include "ops.h"
#include "shared_reader.h"
#include "tensors.h"

namespace binfeed::tensorflow {
namespace {

class ReadKernel {
 public:
  explicit ReadKernel(TF_OpKernelConstruction* construction)
      : shared_(SharedReader::get(string_attribute(construction, "plan"))),
        types_(types_attribute(construction, "output_types")),
        ahead_(shared_->reader().sample_bytes(), shared_->schedule().access_pattern(),
               shared_->schedule().spec().batch_size) {
    check_types(types_, shared_->plan());
  }

  void compute(TF_OpKernelContext* context) {
    const Tensor numbers = input(context, 0);
    std::vector<std::int64_t> counts;
    const std::vector<Schedule::Batch> stretches = stretches_of(numbers_of(numbers.get()), counts);
    std::int64_t rows = 0;
    for (const std::int64_t count : counts) rows = checked_add(rows, count, "samples of a chunk");
    const std::vector<std::size_t>& row_bytes = shared_->reader().output_bytes();
    BatchBuffers arrays(row_bytes, rows);
    std::vector<std::byte*> outputs = arrays.bytes();
    for (const Schedule::Batch& stretch : stretches) {
      const OrderPointer order = shared_->schedule().order(stretch.epoch);
      read_ahead(stretch, *order);
      shared_->reader().read(*order, stretch.position, stretch.count, outputs);
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        outputs[k] += row_bytes[k] * static_cast<std::size_t>(stretch.count);
      }
    }
    set_outputs(context, types_, shared_->plan().arrays, std::span(&rows, 1), std::move(arrays));
    set_numbers(context, static_cast<int>(types_.size()), counts);
  }

 private:
  // The batches, those that follow each other in an epoch as one; and the samples of each.
  std::vector<Schedule::Batch> stretches_of(std::span<const std::int64_t> numbers,
                                            std::vector<std::int64_t>& counts) const {
    std::vector<Schedule::Batch> stretches;
    for (const std::int64_t number : numbers) {
      const Schedule::Batch batch = shared_->schedule().locate(number);
      counts.push_back(batch.count);
      const bool follows = !stretches.empty() && stretches.back().epoch == batch.epoch &&
                           stretches.back().position + stretches.back().count == batch.position;
      if (follows) {
        stretches.back().count += batch.count;
      } else {
        stretches.push_back(batch);
      }
    }
    return stretches;
  }

  void read_ahead(const Schedule::Batch& stretch, const Order& order) {
    const auto [position, count] = ahead_.next(stretch.epoch, stretch.position, stretch.count, order.size());
    if (count > 0) shared_->reader().read_ahead(order, position, count);
  }

  std::shared_ptr<const SharedReader> shared_;
  std::vector<TF_DataType> types_;
  ReadAhead ahead_;
};

}  // namespace

void register_read_op() {
  register_op<ReadKernel>("BinfeedRead", "numbers: int64", {"plan: string", "output_types: list(type) >= 1"},
                          {"arrays: output_types", "counts: int64"});
}

}  // namespace binfeed::tensorflow
