#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "binfeed/decode_plan.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

template <typename Number>
std::vector<Number> to_vector(const py::array_t<Number, py::array::c_style>& array) {
  return {array.data(), array.data() + array.size()};
}

auto arithmetic(Operation::Code code) {
  return [code](const py::array_t<double, py::array::c_style>& operand) {
    return Operation{.code = code, .operand = to_vector<double>(operand)};
  };
}

auto with_words(Operation::Code code) {
  return [code](const py::array_t<std::uint64_t, py::array::c_style>& words) {
    return Operation{.code = code, .words = to_vector<std::uint64_t>(words)};
  };
}

Packing packing_of(const std::string& name) {
  if (name == "low first") return Packing::kLowFirst;
  if (name == "high first") return Packing::kHighFirst;
  if (name == "wfdb212") return Packing::kWfdb212;
  return Packing::kNone;
}

ColumnSpec make_column(const std::string& type, bool is_swapped, std::uint64_t offset, std::size_t elements,
                       const py::array_t<std::uint32_t, py::array::c_style>& offsets, std::vector<Operation> operations,
                       const std::string& packing, std::size_t packed_bits, std::size_t packed_elements) {
  return {.type = element_type(type),
          .packing = {packing_of(packing), packed_bits},
          .packed_elements = packed_elements,
          .is_swapped = is_swapped,
          .offset = offset,
          .elements = elements,
          .offsets = to_vector<std::uint32_t>(offsets),
          .operations = std::move(operations)};
}

OutputSpec make_output(std::string name, const std::string& type, bool is_target, std::vector<ColumnSpec> columns) {
  return {.name = std::move(name), .type = element_type(type), .is_target = is_target, .columns = std::move(columns)};
}

}  // namespace

void register_plan(py::module_& module) {
  using Code = Operation::Code;
  py::class_<Operation>(module, "Operation")
      .def_static(
          "cast", [](const std::string& type) { return Operation{.code = Code::kCast, .type = element_type(type)}; },
          py::arg("type"))
      .def_static("multiply", arithmetic(Code::kMultiply), py::arg("operand"))
      .def_static("add", arithmetic(Code::kAdd), py::arg("operand"))
      .def_static("subtract", arithmetic(Code::kSubtract), py::arg("operand"))
      .def_static("divide", arithmetic(Code::kDivide), py::arg("operand"))
      .def_static("log1p", [] { return Operation{.code = Code::kLog1p}; })
      .def_static("clip", with_words(Code::kClip), py::arg("words"))
      .def_static("fill", with_words(Code::kFill), py::arg("words"))
      .def_static("is_missing", with_words(Code::kIsMissing), py::arg("words"))
      .def_static("bits", with_words(Code::kBits), py::arg("words"))
      .def_static("codes", with_words(Code::kCodes), py::arg("words"))
      .def_static("one_hot", with_words(Code::kOneHot), py::arg("words"));

  py::class_<ColumnSpec>(module, "ColumnSpec")
      .def(py::init(&make_column), py::kw_only(), py::arg("type"), py::arg("is_swapped"), py::arg("offset"),
           py::arg("elements"), py::arg("offsets"), py::arg("operations"), py::arg("packing"), py::arg("packed_bits"),
           py::arg("packed_elements"));

  py::class_<OutputSpec>(module, "OutputSpec")
      .def(py::init(&make_output), py::kw_only(), py::arg("name"), py::arg("type"), py::arg("is_target"),
           py::arg("columns"));
}

}  // namespace binfeed::bindings
