#include "tensorflow_host.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

namespace {

using binfeed::host::Attributes;

constexpr auto kOutOfRange = TF_Code{11};
constexpr std::size_t kAlignment = 64;

[[noreturn]] void end_process(const std::string& reason) {
  std::fprintf(stderr, "TensorFlow would end the process: %s\n", reason.c_str());
  std::abort();
}

std::size_t elements_of(std::span<const std::int64_t> shape) {
  std::int64_t elements = 1;
  for (const std::int64_t side : shape) {
    if (side < 0 || __builtin_mul_overflow(elements, side, &elements)) end_process("a shape is invalid");
  }
  return static_cast<std::size_t>(elements);
}

// Memory that ends with its last byte, even if that makes 0 bytes.
std::shared_ptr<void> allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (::posix_memalign(&memory, kAlignment, bytes) != 0) throw std::bad_alloc();
  return {memory, &std::free};
}

// Empty strings as TensorFlow makes them. They are freed as TensorFlow does: those on the heap have 1 in their lowest
// two bits, and their address in the last word.
std::shared_ptr<void> allocate_strings(std::size_t count) {
  constexpr std::size_t kWords = 3;
  auto* const words = new std::size_t[kWords * count]();
  return {words, [count](std::size_t* strings) {
            for (std::size_t i = 0; i < count; ++i) {
              const std::size_t* const string = strings + kWords * i;
              if ((string[0] & 3) == 1) std::free(reinterpret_cast<void*>(string[2]));
            }
            delete[] strings;
          }};
}

struct OpDefinition {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;  // as they were given: "name: type"
};

struct KernelFunctions {
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

// Filled while static objects are constructed, in any order.
std::map<std::string, OpDefinition>& ops() {
  static std::map<std::string, OpDefinition> ops;
  return ops;
}
std::map<std::string, KernelFunctions>& kernels() {
  static std::map<std::string, KernelFunctions> kernels;
  return kernels;
}

// The types that "arrays: output_types" and "count: int64" stand for.
std::vector<TF_DataType> output_types(const OpDefinition& op, const Attributes& attributes) {
  std::vector<TF_DataType> types;
  for (const std::string& output : op.outputs) {
    const std::string type = output.substr(output.find(": ") + 2);
    if (const auto list = attributes.find(type); list != attributes.end()) {
      const auto& many = std::get<std::vector<TF_DataType>>(list->second);
      types.insert(types.end(), many.begin(), many.end());
    } else if (type == "int64") {
      types.push_back(TF_INT64);
    } else {
      end_process("an output has unknown type " + type);
    }
  }
  return types;
}

}  // namespace

struct TF_Status {
  TF_Code code = TF_OK;
  std::string message;
};

struct TF_Tensor {
  TF_DataType type;
  std::vector<std::int64_t> shape;
  std::shared_ptr<void> data;  // shared by copies, as TensorFlow's buffers are
};

struct TF_OpDefinitionBuilder {
  std::string name;
  OpDefinition definition;
};

struct TF_KernelBuilder {
  KernelFunctions functions;
};

struct TF_OpKernelConstruction {
  const Attributes& attributes;
  TF_Status failure;

  template <typename Value>
  const Value* find(const char* name, TF_Status* status) const {
    const auto attribute = attributes.find(name);
    const Value* value = attribute == attributes.end() ? nullptr : std::get_if<Value>(&attribute->second);
    *status = value == nullptr
                  ? TF_Status{TF_INVALID_ARGUMENT, "there is no attribute " + std::string(name) + " of this type"}
                  : TF_Status{};
    return value;
  }
};

struct TF_OpKernelContext {
  const std::vector<const TF_Tensor*>& inputs;
  const std::vector<TF_DataType>& types;  // of the outputs
  std::vector<std::unique_ptr<TF_Tensor>> outputs;
  TF_Status failure;

  bool has_output(int number, TF_Status* status) const {
    const bool exists = number >= 0 && static_cast<std::size_t>(number) < outputs.size();
    *status = exists ? TF_Status{} : TF_Status{kOutOfRange, "there is no such output"};
    return exists;
  }
};

extern "C" {

TF_Status* TF_NewStatus() { return new TF_Status; }
void TF_DeleteStatus(TF_Status* status) { delete status; }
void TF_SetStatus(TF_Status* status, TF_Code code, const char* message) { *status = {code, message}; }
TF_Code TF_GetCode(const TF_Status* status) { return status->code; }
const char* TF_Message(const TF_Status* status) { return status->message.c_str(); }

TF_Tensor* TF_NewTensor(TF_DataType type, const std::int64_t* dims, int num_dims, void* data, std::size_t len,
                        void (*deallocator)(void* data, std::size_t len, void* arg), void* deallocator_arg) {
  std::shared_ptr<void> owned(data, [=](void* bytes) { deallocator(bytes, len, deallocator_arg); });
  std::vector<std::int64_t> shape(dims, dims + num_dims);
  if (len < elements_of(shape) * binfeed::host::bytes_of(type)) return nullptr;
  return new TF_Tensor{type, std::move(shape), std::move(owned)};
}
void TF_DeleteTensor(TF_Tensor* tensor) { delete tensor; }
void* TF_TensorData(const TF_Tensor* tensor) { return tensor->data.get(); }
std::int64_t TF_TensorElementCount(const TF_Tensor* tensor) {
  return static_cast<std::int64_t>(elements_of(tensor->shape));
}
int TF_NumDims(const TF_Tensor* tensor) { return static_cast<int>(tensor->shape.size()); }
std::int64_t TF_Dim(const TF_Tensor* tensor, int dim_index) {
  return tensor->shape.at(static_cast<std::size_t>(dim_index));
}

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* op_name) {
  return new TF_OpDefinitionBuilder{.name = op_name, .definition = {}};
}
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder* builder, const char* input_spec) {
  builder->definition.inputs.emplace_back(input_spec);
}
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder* builder, const char* output_spec) {
  builder->definition.outputs.emplace_back(output_spec);
}
void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder*,
                                                     void (*)(TF_ShapeInferenceContext*, TF_Status*)) {}
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext*, TF_Status* status) { *status = {}; }
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder* builder, TF_Status* status) {
  ops()[builder->name] = builder->definition;
  delete builder;
  *status = {};
}

TF_KernelBuilder* TF_NewKernelBuilder(const char*, const char*, void* (*create)(TF_OpKernelConstruction*),
                                      void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*)) {
  return new TF_KernelBuilder{{create, compute, destroy}};
}
void TF_RegisterKernelBuilder(const char* kernel_name, TF_KernelBuilder* builder, TF_Status* status) {
  kernels()[kernel_name] = builder->functions;
  delete builder;
  *status = {};
}

void TF_OpKernelConstruction_GetAttrSize(TF_OpKernelConstruction* construction, const char* attr_name,
                                         std::int32_t* list_size, std::int32_t* total_size, TF_Status* status) {
  *list_size = *total_size = -1;
  if (const auto* types = construction->find<std::vector<TF_DataType>>(attr_name, status)) {
    *list_size = static_cast<std::int32_t>(types->size());
  } else if (const auto* string = construction->find<std::string>(attr_name, status)) {
    *total_size = static_cast<std::int32_t>(string->size());
  }
}
void TF_OpKernelConstruction_GetAttrString(TF_OpKernelConstruction* construction, const char* attr_name, char* value,
                                           std::size_t max_length, TF_Status* status) {
  const auto* string = construction->find<std::string>(attr_name, status);
  if (string != nullptr) std::copy_n(string->data(), std::min(string->size(), max_length), value);
}
void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction* construction, const char* attr_name,
                                         unsigned char* value, TF_Status* status) {
  if (const auto* flag = construction->find<bool>(attr_name, status)) *value = *flag ? 1 : 0;
}
void TF_OpKernelConstruction_GetAttrTypeList(TF_OpKernelConstruction* construction, const char* attr_name,
                                             TF_DataType* values, int max_values, TF_Status* status) {
  const auto* types = construction->find<std::vector<TF_DataType>>(attr_name, status);
  const auto most = static_cast<std::size_t>(max_values);
  if (types != nullptr) std::copy_n(types->data(), std::min(types->size(), most), values);
}
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction* construction, TF_Status* status) {
  construction->failure = *status;
}

void TF_GetInput(TF_OpKernelContext* context, int i, TF_Tensor** tensor, TF_Status* status) {
  const bool exists = i >= 0 && static_cast<std::size_t>(i) < context->inputs.size();
  *tensor = exists ? new TF_Tensor(*context->inputs[static_cast<std::size_t>(i)]) : nullptr;
  *status = exists ? TF_Status{} : TF_Status{kOutOfRange, "there is no such input"};
}
void TF_SetOutput(TF_OpKernelContext* context, int i, const TF_Tensor* tensor, TF_Status* status) {
  if (!context->has_output(i, status)) return;
  const auto number = static_cast<std::size_t>(i);
  if (tensor->type != context->types[number]) end_process("an output has another type than the graph expects");
  context->outputs[number] = std::make_unique<TF_Tensor>(*tensor);
}
// Like TensorFlow, this uses the type that the graph expects, whatever the kernel asks for.
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int i, TF_DataType, const std::int64_t* dims, int num_dims,
                             std::size_t, TF_Status* status) {
  if (!context->has_output(i, status)) return nullptr;
  const auto number = static_cast<std::size_t>(i);
  const TF_DataType type = context->types[number];
  std::vector<std::int64_t> shape(dims, dims + num_dims);
  const std::size_t count = elements_of(shape);
  std::shared_ptr<void> data =
      type == TF_STRING ? allocate_strings(count) : allocate(count * binfeed::host::bytes_of(type));
  context->outputs[number].reset(new TF_Tensor{type, std::move(shape), std::move(data)});
  return new TF_Tensor(*context->outputs[number]);
}
void TF_OpKernelContext_Failure(TF_OpKernelContext* context, TF_Status* status) { context->failure = *status; }

}  // extern "C"

namespace binfeed::host {

std::size_t bytes_of(TF_DataType type) {
  switch (type) {
    case TF_BOOL:
    case TF_INT8:
    case TF_UINT8:
      return 1;
    case TF_INT16:
    case TF_UINT16:
    case TF_HALF:
    case TF_BFLOAT16:
      return 2;
    case TF_INT32:
    case TF_UINT32:
    case TF_FLOAT:
      return 4;
    case TF_INT64:
    case TF_UINT64:
    case TF_DOUBLE:
    case TF_COMPLEX64:
      return 8;
    case TF_COMPLEX128:
      return 16;
    case TF_STRING:
      return 24;
  }
  end_process("there is no type " + std::to_string(type));
}

TF_DataType type_of(const TF_Tensor& tensor) { return tensor.type; }
std::vector<std::int64_t> shape_of(const TF_Tensor& tensor) { return tensor.shape; }
std::span<const std::byte> bytes_of(const TF_Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data.get()), elements_of(tensor.shape) * bytes_of(tensor.type)};
}

Tensor make_tensor(TF_DataType type, const std::vector<std::int64_t>& shape, const void* bytes) {
  const std::size_t size = elements_of(shape) * bytes_of(type);
  std::shared_ptr<void> data = allocate(size);
  std::copy_n(static_cast<const std::byte*>(bytes), size, static_cast<std::byte*>(data.get()));
  return Tensor(new TF_Tensor{type, shape, std::move(data)});
}

struct Kernel::State {
  OpDefinition op;
  KernelFunctions functions;
  Attributes attributes;
  std::vector<TF_DataType> types;
  TF_Status failure;
  void* kernel = nullptr;
};

Kernel::Kernel(const std::string& op, Attributes attributes)
    : state_(new State{ops().at(op), kernels().at(op), std::move(attributes), {}, {}}) {
  state_->types = output_types(state_->op, state_->attributes);
  TF_OpKernelConstruction construction{state_->attributes, {}};
  state_->kernel = state_->functions.create(&construction);
  state_->failure = construction.failure;
}

Kernel::~Kernel() {
  if (state_->kernel != nullptr) state_->functions.destroy(state_->kernel);
}

Result Kernel::run(const std::vector<const TF_Tensor*>& inputs) const {
  if (state_->failure.code != TF_OK) return {state_->failure.code, state_->failure.message, {}};
  if (inputs.size() != state_->op.inputs.size()) throw std::invalid_argument("the op has another number of inputs");
  TF_OpKernelContext context{inputs, state_->types, {}, {}};
  context.outputs.resize(state_->types.size());
  state_->functions.compute(state_->kernel, &context);

  Result result{context.failure.code, context.failure.message, {}};
  if (result.code != TF_OK) return result;
  for (auto& output : context.outputs) {
    if (output == nullptr) end_process("an output was not set");
    result.outputs.emplace_back(output.release());
  }
  return result;
}

}  // namespace binfeed::host
