// Tensors made from buffers of the core, and tensors of strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "binfeed/buffer_pool.h"
#include "binfeed/read_plan.h"
#include "c_api.h"

namespace binfeed::tensorflow {

// Sets output `number` to one int64.
void set_number(TF_OpKernelContext* context, int number, std::int64_t value);

// Throws unless the types that a graph expects are those of the plan's outputs.
void check_types(std::span<const TF_DataType> types, const ReadPlan& plan);

// Hands over the arrays as the outputs of the op. The shape of each is `leading` and then that of its spec.
void set_outputs(TF_OpKernelContext* context, std::span<const TF_DataType> types, std::span<const ArraySpec> specs,
                 std::span<const std::int64_t> leading, BatchBuffers arrays);

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

Tensor input(TF_OpKernelContext* context, int number);

// The numbers of a tensor of int64, valid as long as it exists.
std::span<const std::int64_t> numbers_of(const TF_Tensor* tensor);

// The only number of a tensor of int64. Throws kArgument, naming the input, unless it has exactly one.
std::int64_t number_of(const TF_Tensor* tensor, const char* name);

std::vector<std::int64_t> shape_of(const TF_Tensor* tensor);

// The strings of a tensor, valid as long as it exists.
std::vector<std::span<const std::byte>> strings_of(const TF_Tensor* tensor);

}  // namespace binfeed::tensorflow
