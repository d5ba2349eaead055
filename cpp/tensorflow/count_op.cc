// BinfeedCount: how often a counter was counted before; `anything` is only there so that nobody computes it ahead of time.
// BinfeedAddCounter: makes any tensor a counter, at zero.
//
// A counter is known by where it lies: the pipelines of the process that made it refer to that very tensor. A pipeline in
// another process, or in a worker of tf.data service, has a copy of it, which nobody knows, and its count is always 0:
// workers that share an epoch out must agree which one it is.
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "binfeed/process_mutex.h"
#include "kernel.h"
#include "ops.h"
#include "tensors.h"

namespace binfeed::tensorflow {
namespace {

class Counters {
 public:
  // Keeps the tensor, so that no other one ever lies in its place.
  void add(Tensor counter) {
    const std::lock_guard lock(mutex_);
    const void* const place = TF_TensorData(counter.get());
counters_.try_emplace(place, Counter{std::move(counter)});
  }

  std::int64_t next(const TF_Tensor* counter) {
    const std::lock_guard lock(mutex_);
    const auto known = counters_.find(TF_TensorData(counter));
    return known == counters_.end() ? 0 : known->second.count++;
  }

 private:
  struct Counter {
    Tensor tensor;
    std::int64_t count = 0;
  };
  ProcessMutex mutex_;
  std::map<const void*, Counter> counters_;
};

Counters& counters() {
  static auto& all = *new Counters;
  return all;
}

const AtLoad counters_at_load([] { counters(); });

class AddCounterKernel {
 public:
  explicit AddCounterKernel(TF_OpKernelConstruction*) {}

  void compute(TF_OpKernelContext* context) const {
    counters().add(input(context, 0));
    set_number(context, 0, 0);  // TensorFlow does not run what gives nothing
  }
};

class CountKernel {
 public:
  explicit CountKernel(TF_OpKernelConstruction*) {}

  void compute(TF_OpKernelContext* context) const {
    const Tensor counter = input(context, 0);
    set_number(context, 0, counters().next(counter.get()));
  }
};

}  // namespace

void register_count_ops() {
  register_op<AddCounterKernel>("BinfeedAddCounter", {"counter: uint8"}, {}, {"count: int64"});
  register_op<CountKernel>("BinfeedCount", {"counter: uint8", "anything: int64"}, {}, {"count: int64"});
}

}  // namespace binfeed::tensorflow
