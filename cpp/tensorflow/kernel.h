// Makes a kernel from a class, whose Kernel(TF_OpKernelConstruction*) and compute(TF_OpKernelContext*) may throw.
#pragma once

#include <exception>
#include <initializer_list>
#include <string>
#include <vector>

#include "c_api.h"
#include "status.h"

namespace binfeed::tensorflow {

// Shapes are set when the graph is built, because this function sees no attributes but types.
inline void unknown_shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

template <typename Kernel>
void register_kernel(const char* op) {
  const auto create = [](TF_OpKernelConstruction* construction) -> void* {
    try {
      return new Kernel(construction);
    } catch (const std::exception& error) {
      Status status;
      status.set(error);
      TF_OpKernelConstruction_Failure(construction, status);
      return nullptr;
    }
  };
  const auto compute = [](void* kernel, TF_OpKernelContext* context) {
    try {
      static_cast<Kernel*>(kernel)->compute(context);
    } catch (const std::exception& error) {
      Status status;
      status.set(error);
      TF_OpKernelContext_Failure(context, status);
    }
  };
  const auto destroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  Status status;
  TF_RegisterKernelBuilder(op, TF_NewKernelBuilder(op, "CPU", create, compute, destroy), status);
  status.check();
}

// Registers an op and its kernel. The strings have the syntax of TensorFlow's op definitions.
template <typename Kernel>
void register_op(const char* name, std::initializer_list<const char*> inputs,
                 std::initializer_list<const char*> attributes, std::initializer_list<const char*> outputs) {
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* attribute : attributes) TF_OpDefinitionBuilderAddAttr(op, attribute);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(op, output);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, &unknown_shapes);
  Status status;
  TF_RegisterOpDefinition(op, status);
  status.check();
  register_kernel<Kernel>(name);
}

inline std::string string_attribute(TF_OpKernelConstruction* construction, const char* name) {
  Status status;
  std::int32_t items = 0;
  std::int32_t bytes = 0;
  TF_OpKernelConstruction_GetAttrSize(construction, name, &items, &bytes, status);
  status.check();
  std::string value(static_cast<std::size_t>(bytes), '\0');
  TF_OpKernelConstruction_GetAttrString(construction, name, value.data(), value.size(), status);
  status.check();
  return value;
}

inline bool bool_attribute(TF_OpKernelConstruction* construction, const char* name) {
  Status status;
  unsigned char value = 0;
  TF_OpKernelConstruction_GetAttrBool(construction, name, &value, status);
  status.check();
  return value != 0;
}

inline std::vector<TF_DataType> types_attribute(TF_OpKernelConstruction* construction, const char* name) {
  Status status;
  std::int32_t items = 0;
  std::int32_t bytes = 0;
  TF_OpKernelConstruction_GetAttrSize(construction, name, &items, &bytes, status);
  status.check();
  std::vector<TF_DataType> types(static_cast<std::size_t>(items));
  TF_OpKernelConstruction_GetAttrTypeList(construction, name, types.data(), items, status);
  status.check();
  return types;
}

}  // namespace binfeed::tensorflow
