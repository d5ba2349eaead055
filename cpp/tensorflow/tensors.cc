#include "tensors.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "binfeed/checked.h"
#include "status.h"

namespace binfeed::tensorflow {
namespace {

// TensorFlow's string as it lies in memory, of 24 bytes; the lowest two bits of the first byte say of which kind it is.
// Up to 22 bytes lie within it (kind 0, their number in the other six bits), more on the heap (kind 1: the number in
// the other bits of the first word, the capacity, the address) or somewhere else (kind 2: number and distance from the
// string as 32-bit integers; kind 3: the number, the address).
struct TensorString {
  static constexpr std::size_t kMaxSmall = 22;
  unsigned char raw[24];

  void assign(const char* bytes, std::size_t count) {
    std::memset(raw, 0, sizeof raw);
    if (count <= kMaxSmall) {
      raw[0] = static_cast<unsigned char>(count << 2);
      std::memcpy(raw + 1, bytes, count);
      return;
    }
    // TensorFlow frees it with free().
    char* copy = static_cast<char*>(std::malloc(count + 1));
    if (copy == nullptr) throw std::bad_alloc();
    std::memcpy(copy, bytes, count);
    copy[count] = 0;
    const std::size_t words[] = {count << 2 | 1, count, reinterpret_cast<std::size_t>(copy)};
    static_assert(sizeof words == sizeof raw);
    std::memcpy(raw, words, sizeof words);
  }

  std::span<const std::byte> bytes() const {
    std::size_t words[3];
    std::uint32_t halves[2];
    std::memcpy(words, raw, sizeof words);
    std::memcpy(halves, raw, sizeof halves);
    const auto* here = reinterpret_cast<const std::byte*>(raw);
    switch (raw[0] & 3) {
      case 0:
        return {here + 1, static_cast<std::size_t>(raw[0] >> 2)};
      case 1:
        return {reinterpret_cast<const std::byte*>(words[2]), words[0] >> 2};
      case 2:
        return {here + halves[1], static_cast<std::size_t>(halves[0] >> 2)};
      default:
        return {reinterpret_cast<const std::byte*>(words[1]), words[0] >> 2};
    }
  }
};

// Hands the first `bytes` bytes of a buffer over without a copy.
void set_buffer(TF_OpKernelContext* context, int number, TF_DataType type, std::span<const std::int64_t> shape,
                std::size_t bytes, Buffer buffer) {
  auto owned = std::make_unique<Buffer>(std::move(buffer));
  std::byte* const data = owned->bytes();
  const auto give_back = [](void*, std::size_t, void* owner) { delete static_cast<Buffer*>(owner); };
  const Tensor tensor(
      TF_NewTensor(type, shape.data(), static_cast<int>(shape.size()), data, bytes, give_back, owned.release()));
  if (tensor == nullptr) throw Failure(TF_INTERNAL, "TensorFlow refused the tensor");
  Status status;
  TF_SetOutput(context, number, tensor.get(), status);
  status.check();
}

// Makes strings of so many bytes each, but for their trailing zeros.
void set_strings(TF_OpKernelContext* context, int number, std::span<const std::int64_t> shape, std::size_t string_bytes,
                 const std::byte* bytes) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  Status status;
  const Tensor tensor(TF_AllocateOutput(context, number, TF_STRING, shape.data(), static_cast<int>(shape.size()),
                                        count * sizeof(TensorString), status));
  status.check();
  auto* strings = static_cast<TensorString*>(TF_TensorData(tensor.get()));
  const auto* from = reinterpret_cast<const char*>(bytes);
  for (std::size_t i = 0; i < count; ++i, from += string_bytes) {
    std::size_t used = string_bytes;
    while (used > 0 && from[used - 1] == 0) --used;
    strings[i].assign(from, used);
  }
}

}  // namespace

void set_number(TF_OpKernelContext* context, int number, std::int64_t value) {
  Status status;
  const Tensor tensor(TF_AllocateOutput(context, number, TF_INT64, nullptr, 0, sizeof value, status));
  status.check();
  std::memcpy(TF_TensorData(tensor.get()), &value, sizeof value);
}

namespace {

// What TensorFlow calls the values of an output; complex numbers are pairs of floats.
TF_DataType tensor_type(const OutputSpec& output, const ArraySpec& array) {
  // In the order of ElementType.
  constexpr TF_DataType kTypes[] = {TF_BOOL,  TF_INT8,   TF_UINT8, TF_INT16, TF_UINT16, TF_INT32,   TF_UINT32,
                                    TF_INT64, TF_UINT64, TF_HALF,  TF_FLOAT, TF_DOUBLE, TF_BFLOAT16};
  static_assert(std::size(kTypes) == kOutputTypes);
  if (array.is_string) return TF_STRING;
  const std::size_t bytes = element_bytes(output.type);
  if (output.type == ElementType::kFloat32 && array.item_bytes == 2 * bytes) return TF_COMPLEX64;
  if (output.type == ElementType::kFloat64 && array.item_bytes == 2 * bytes) return TF_COMPLEX128;
  if (array.item_bytes != bytes)
    throw Failure(TF_INVALID_ARGUMENT, "an item is no value of output '" + output.name + "'");
  return kTypes[index_of(output.type)];
}

}  // namespace

void check_types(std::span<const TF_DataType> types, const ReadPlan& plan) {
  if (types.size() != plan.program.outputs.size()) {
    throw Failure(TF_INVALID_ARGUMENT, "output_types has " + std::to_string(types.size()) + " types, the plan " +
                                           std::to_string(plan.program.outputs.size()) + " outputs");
  }
  for (std::size_t k = 0; k < types.size(); ++k) {
    if (const TF_DataType expected = tensor_type(plan.program.outputs[k], plan.arrays[k]); types[k] != expected) {
      throw Failure(TF_INVALID_ARGUMENT, "output_types has type " + std::to_string(types[k]) + " for output '" +
                                             plan.program.outputs[k].name + "', which is of type " +
                                             std::to_string(expected));
    }
  }
}

void set_outputs(TF_OpKernelContext* context, std::span<const TF_DataType> types, std::span<const ArraySpec> specs,
                 std::span<const std::int64_t> leading, BatchBuffers arrays) {
  for (std::size_t k = 0; k < arrays.size(); ++k) {
    std::vector<std::int64_t> shape(leading.begin(), leading.end());
    shape.insert(shape.end(), specs[k].shape.begin(), specs[k].shape.end());
    const int number = static_cast<int>(k);
    if (specs[k].is_string) {
      set_strings(context, number, shape, specs[k].item_bytes, arrays.bytes()[k]);
    } else {
      set_buffer(context, number, types[k], shape, arrays.byte_count(k), arrays.take(k));
    }
  }
}

Tensor input(TF_OpKernelContext* context, int number) {
  Status status;
  TF_Tensor* tensor = nullptr;
  TF_GetInput(context, number, &tensor, status);
  Tensor owned(tensor);
  status.check();
  return owned;
}

std::span<const std::int64_t> numbers_of(const TF_Tensor* tensor) {
  return {static_cast<const std::int64_t*>(TF_TensorData(tensor)),
          static_cast<std::size_t>(TF_TensorElementCount(tensor))};
}

std::int64_t number_of(const TF_Tensor* tensor, const char* name) {
  const std::span<const std::int64_t> numbers = numbers_of(tensor);
  require(numbers.size() == 1, std::string(name) + " must be one number, not " + std::to_string(numbers.size()));
  return numbers.front();
}

std::vector<std::int64_t> shape_of(const TF_Tensor* tensor) {
  std::vector<std::int64_t> shape;
  for (int axis = 0; axis < TF_NumDims(tensor); ++axis) shape.push_back(TF_Dim(tensor, axis));
  return shape;
}

std::vector<std::span<const std::byte>> strings_of(const TF_Tensor* tensor) {
  const auto* strings = static_cast<const TensorString*>(TF_TensorData(tensor));
  std::vector<std::span<const std::byte>> result;
  result.reserve(static_cast<std::size_t>(TF_TensorElementCount(tensor)));
  for (std::int64_t i = 0; i < TF_TensorElementCount(tensor); ++i) result.push_back(strings[i].bytes());
  return result;
}

}  // namespace binfeed::tensorflow
