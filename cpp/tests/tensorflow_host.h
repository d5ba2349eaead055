// The part of TensorFlow that the ops need, so that they run without it under sanitizers: the functions of c_api.h,
// tensors whose memory ends where their values do, and kernels to make and run. It ends the process where TensorFlow
// would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "c_api.h"

namespace binfeed::host {

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

// Bytes of one value. For a string, those that say where its characters are.
std::size_t bytes_of(TF_DataType type);

TF_DataType type_of(const TF_Tensor& tensor);
std::vector<std::int64_t> shape_of(const TF_Tensor& tensor);
std::span<const std::byte> bytes_of(const TF_Tensor& tensor);

// A tensor that owns a copy of `bytes`. The characters of strings remain the caller's.
Tensor make_tensor(TF_DataType type, const std::vector<std::int64_t>& shape, const void* bytes);

using Attribute = std::variant<bool, std::string, std::vector<TF_DataType>>;
using Attributes = std::map<std::string, Attribute>;

struct Result {
  TF_Code code = TF_OK;
  std::string message;
  std::vector<Tensor> outputs;
};

// A kernel of a registered op. If its constructor fails, every run() returns that error.
class Kernel {
 public:
  Kernel(const std::string& op, Attributes attributes);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Many threads may call it at the same time.
  Result run(const std::vector<const TF_Tensor*>& inputs) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace binfeed::host
