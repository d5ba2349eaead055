// BinfeedCount: how often a dataset was iterated before, counted per process. The input is only there so that nobody
// computes it ahead of time.
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "kernel.h"
#include "ops.h"
#include "tensors.h"

namespace binfeed::tensorflow {
namespace {

std::int64_t next_count(const std::string& dataset) {
  static std::mutex mutex;
  static auto& counts = *new std::map<std::string, std::int64_t>;
  const std::lock_guard lock(mutex);
  return counts[dataset]++;
}

class CountKernel {
 public:
  explicit CountKernel(TF_OpKernelConstruction* construction) : dataset_(string_attribute(construction, "dataset")) {}

  void compute(TF_OpKernelContext* context) const {
    const std::size_t bytes = sizeof(std::int64_t);
    Arrays arrays(std::span(&bytes, 1), 1);
    *reinterpret_cast<std::int64_t*>(arrays.bytes()[0]) = next_count(dataset_);
    const TF_DataType type = TF_INT64;
    const ArraySpec scalar{};
    arrays.set_outputs(context, std::span(&type, 1), std::span(&scalar, 1), {});
  }

 private:
  std::string dataset_;
};

}  // namespace

void register_count_op() {
  register_op<CountKernel>("BinfeedCount", "anything: int64", {"dataset: string"}, {"count: int64"});
}

}  // namespace binfeed::tensorflow
