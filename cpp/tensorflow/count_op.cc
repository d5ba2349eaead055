// BinfeedCount: how often a dataset was iterated before, counted per process. The input is only there so that nobody
// computes it ahead of time.
#include <cstdint>
#include <map>
#include <mutex>
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

  void compute(TF_OpKernelContext* context) const { set_number(context, 0, next_count(dataset_)); }

 private:
  std::string dataset_;
};

}  // namespace

void register_count_op() {
  register_op<CountKernel>("BinfeedCount", "anything: int64", {"dataset: string"}, {"count: int64"});
}

}  // namespace binfeed::tensorflow
