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

// Sets output `number` to a vector of int64.
void set_numbers(TF_OpKernelContext* context, int number, std::span<const std::int64_t> values);

// The arrays of a plan, filled and handed over.
class Arrays {
 public:
  // Memory for `rows` rows; one takes `row_bytes` bytes of each array.
  Arrays(std::span<const std::size_t> row_bytes, std::int64_t rows);

  const std::vector<std::byte*>& bytes() const { return bytes_; }

  // As the outputs of the op, each of `leading` and its own shape.
  void set_outputs(TF_OpKernelContext* context, std::span<const TF_DataType> types, std::span<const ArraySpec> specs,
                   std::span<const std::int64_t> leading);

 private:
  std::vector<Buffer> buffers_;
  std::vector<std::byte*> bytes_;
  std::vector<std::size_t> sizes_;
};

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

Tensor input(TF_OpKernelContext* context, int number);

// The numbers of a tensor of int64, as long as it lives.
std::span<const std::int64_t> numbers_of(const TF_Tensor* tensor);

std::vector<std::int64_t> shape_of(const TF_Tensor* tensor);

// The strings of a tensor, as long as it lives.
std::vector<std::span<const std::byte>> strings_of(const TF_Tensor* tensor);

}  // namespace binfeed::tensorflow
