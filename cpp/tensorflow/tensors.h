// Tensors made of the core's buffers, and strings in them.
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

// Hands the arrays of a plan over as the outputs of the op, each of shape `leading` and its own.
void set_outputs(TF_OpKernelContext* context, std::span<const TF_DataType> types, std::span<const ArraySpec> specs,
                 std::span<const std::int64_t> leading, BatchBuffers arrays);

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

Tensor input(TF_OpKernelContext* context, int number);

// The numbers of a tensor of int64, as long as it lives.
std::span<const std::int64_t> numbers_of(const TF_Tensor* tensor);

// The only number of a tensor of int64; throws kArgument, naming the input, if there are several.
std::int64_t number_of(const TF_Tensor* tensor, const char* name);

std::vector<std::int64_t> shape_of(const TF_Tensor* tensor);

// The strings of a tensor, as long as it lives.
std::vector<std::span<const std::byte>> strings_of(const TF_Tensor* tensor);

}  // namespace binfeed::tensorflow
