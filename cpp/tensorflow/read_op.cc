// BinfeedRead: the number of a chunk -> its batches as [batches, samples, ...], or as [samples, ...] if the size of a
// chunk is 1. `chunks` holds the first batch, the step from one batch to the next, the number of batches, and the size
// of a chunk, see Chunks. The seed is an input and not that of the plan, so that a checkpoint of the pipeline holds it.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "binfeed/checked.h"
#include "binfeed/chunks.h"
#include "binfeed/read_ahead.h"
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
    const Tensor chunk = input(context, 0);
    const Tensor chunks = input(context, 1);
    const Tensor passed_epochs = input(context, 2);
    const Tensor seed = input(context, 3);
    const std::span<const std::int64_t> numbers = numbers_of(chunks.get());
    require(numbers.size() == 4, "chunks must have 4 numbers, not " + std::to_string(numbers.size()));
    const std::vector<Schedule::Batch> batches =
        locate(number_of(chunk.get(), "chunk"), numbers, number_of(passed_epochs.get(), "passed_epochs"));
    std::vector<std::int64_t> leading;
    if (numbers[3] > 1) leading.push_back(static_cast<std::int64_t>(batches.size()));
    leading.push_back(batches.front().count);
    set_outputs(context, types_, shared_->plan().arrays, leading,
                read(batches, static_cast<std::uint64_t>(number_of(seed.get(), "seed"))));
  }

 private:
  static constexpr std::int64_t kMaxChunk = 1 << 16;  // so that a list of batches stays small

  std::vector<Schedule::Batch> locate(std::int64_t number, std::span<const std::int64_t> chunks,
                                      std::int64_t passed_epochs) const {
    require(chunks[3] <= kMaxChunk, "a chunk has at most " + std::to_string(kMaxChunk) + " batches");
    const auto [first, count] = Chunks(shared_->schedule(), chunks[0], chunks[1], chunks[2], chunks[3]).at(number);
    std::vector<Schedule::Batch> batches;
    for (std::int64_t i = 0; i < count; ++i) {
      batches.push_back(shared_->schedule().locate(first + i * chunks[1], passed_epochs));
    }
    return batches;
  }

  // Reads successive batches of an epoch as one.
  BatchBuffers read(const std::vector<Schedule::Batch>& batches, std::uint64_t seed) {
    std::vector<Schedule::Batch> stretches;
    std::int64_t rows = 0;
    for (const Schedule::Batch& batch : batches) {
      const bool follows = !stretches.empty() && stretches.back().epoch == batch.epoch &&
                           stretches.back().position + stretches.back().count == batch.position;
      if (follows) {
        stretches.back().count += batch.count;
      } else {
        stretches.push_back(batch);
      }
      rows = checked_add(rows, batch.count, "samples of a chunk");
    }
    const std::vector<std::size_t>& row_bytes = shared_->reader().output_bytes();
    BatchBuffers arrays(row_bytes, rows);
    std::vector<std::byte*> outputs = arrays.bytes();
    for (const Schedule::Batch& stretch : stretches) {
      const OrderPointer order = shared_->schedule().order(stretch.epoch, seed);
      read_ahead(stretch, *order);
      shared_->reader().read(*order, stretch.position, stretch.count, outputs);
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        outputs[k] += row_bytes[k] * static_cast<std::size_t>(stretch.count);
      }
    }
    return arrays;
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
  register_op<ReadKernel>("BinfeedRead", {"chunk: int64", "chunks: int64", "passed_epochs: int64", "seed: int64"},
                          {"plan: string", "output_types: list(type) >= 1"}, {"arrays: output_types"});
}

}  // namespace binfeed::tensorflow
