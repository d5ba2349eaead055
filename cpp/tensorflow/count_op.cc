// BinfeedCount: the number of an iteration. If `known` is -1, it is the next number of the counter. Otherwise it is
// `known`, perhaps from a checkpoint of another process, and later numbers follow it. BinfeedAddCounter: makes any
// tensor a counter, which begins at 0.
//
// A counter is identified by the address of its tensor: the pipelines of the process that made it refer to that very
// tensor. A pipeline in another process, or in a worker of tf.data service, has an unknown copy, and all its iterations
// are 0: workers that share an epoch must agree on which one it is.
#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "binfeed/checked.h"
#include "binfeed/process_mutex.h"
#include "kernel.h"
#include "ops.h"
#include "tensors.h"

namespace binfeed::tensorflow {
namespace {

class Counters {
 public:
  // Keeps the tensor, so that no other one ever gets its address.
  void add(Tensor counter) {
    const std::lock_guard lock(mutex_);
    const void* const place = TF_TensorData(counter.get());
    counters_.try_emplace(place, Counter{std::move(counter)});
  }

  std::int64_t iteration(const TF_Tensor* counter, std::int64_t known) {
    const std::lock_guard lock(mutex_);
    const auto found = counters_.find(TF_TensorData(counter));
    if (found == counters_.end()) return std::max<std::int64_t>(known, 0);
    std::int64_t& next = found->second.next;
    if (known < 0) return next++;
    next = std::max(next, checked_add(known, 1, "number of an iteration"));
    return known;
  }

 private:
  struct Counter {
    Tensor tensor;
    std::int64_t next = 0;
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
    set_number(context, 0, 0);  // TensorFlow does not run an op without outputs
  }
};

class CountKernel {
 public:
  explicit CountKernel(TF_OpKernelConstruction*) {}

  void compute(TF_OpKernelContext* context) const {
    const Tensor counter = input(context, 0);
    const Tensor known = input(context, 1);
    set_number(context, 0, counters().iteration(counter.get(), number_of(known.get(), "known")));
  }
};

}  // namespace

void register_count_ops() {
  register_op<AddCounterKernel>("BinfeedAddCounter", {"counter: uint8"}, {}, {"iteration: int64"});
  register_op<CountKernel>("BinfeedCount", {"counter: uint8", "known: int64"}, {}, {"iteration: int64"});
}

}  // namespace binfeed::tensorflow
