#include "binfeed/program.h"

#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "binfeed/checked.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

template <typename Number>
using Array = py::array_t<Number, py::array::c_style>;

template <typename Number>
std::vector<Number> to_vector(const Array<Number>& array) {
  return {array.data(), array.data() + array.size()};
}

using Value = std::uint32_t;

// Adds a step and returns its number, which stands for its value.
Value add(Program& program, Operation operation, std::vector<Value> inputs = {}) {
  const std::size_t number = program.steps.size();
  require(number < std::numeric_limits<Value>::max(), "a program can have at most 2^32 - 1 steps");
  program.steps.push_back({std::move(operation), std::move(inputs)});
  return static_cast<Value>(number);
}

Value load(Program& program, std::uint32_t source, const std::string& type, bool is_swapped, std::uint64_t offset,
           std::uint64_t elements, const Array<std::uint32_t>& offsets, Packing packing, std::uint64_t packed_bits,
           std::uint64_t packed_elements) {
  return add(program, Load{.source = source,
                           .type = element_type(type),
                           .packing = {packing, packed_bits, packed_elements},
                           .is_swapped = is_swapped,
                           .offset = offset,
                           .elements = elements,
                           .offsets = to_vector(offsets)});
}

template <typename Arithmetic>
Value arithmetic(Program& program, Value value, const Array<double>& operand) {
  return add(program, Arithmetic{{to_vector(operand)}}, {value});
}

Value cast(Program& program, Value value, const std::string& type) {
  return add(program, Cast{element_type(type)}, {value});
}

Value log1p(Program& program, Value value) { return add(program, Log1p{}, {value}); }

Value abs(Program& program, Value value) { return add(program, Abs{}, {value}); }

Value clip(Program& program, Value value, std::uint64_t low, std::uint64_t high) {
  return add(program, Clip{low, high}, {value});
}

Value fill(Program& program, Value value, std::uint64_t missing, std::uint64_t replacement) {
  return add(program, Fill{missing, replacement}, {value});
}

Value is_missing(Program& program, Value value, std::uint64_t missing) {
  return add(program, IsMissing{missing}, {value});
}

Value coalesce(Program& program, Value value, Value is_there, std::vector<std::uint64_t> replacement) {
  return add(program, Coalesce{std::move(replacement)}, {value, is_there});
}

Value bits(Program& program, Value value, std::uint64_t start, std::uint64_t width, bool is_signed) {
  return add(program, Bits{start, width, is_signed}, {value});
}

Value codes(Program& program, Value value, std::uint64_t key_bytes, std::vector<std::uint64_t> keys,
            std::vector<std::int32_t> codes, std::int32_t otherwise) {
  return add(program, Codes{key_bytes, otherwise, std::move(keys), std::move(codes)}, {value});
}

Value one_hot(Program& program, Value value, std::uint64_t depth) { return add(program, OneHot{depth}, {value}); }

void output(Program& program, std::string name, const std::string& type, bool is_target, std::vector<Value> values) {
  program.outputs.push_back({std::move(name), element_type(type), is_target, std::move(values)});
}

}  // namespace

void register_program(py::module_& module) {
  py::native_enum<Packing>(module, "Packing", "enum.Enum")
      .value("NONE", Packing::kNone)
      .value("LOW_FIRST", Packing::kLowFirst)
      .value("HIGH_FIRST", Packing::kHighFirst)
      .value("WFDB212", Packing::kWfdb212)
      .finalize();

  py::class_<Program>(module, "Program")
      .def(py::init<>())
      .def("load", &load, py::kw_only(), py::arg("source"), py::arg("type"), py::arg("is_swapped"), py::arg("offset"),
           py::arg("elements"), py::arg("offsets"), py::arg("packing"), py::arg("packed_bits"),
           py::arg("packed_elements"))
      .def("cast", &cast, py::arg("value"), py::arg("type"))
      .def("multiply", &arithmetic<Multiply>, py::arg("value"), py::arg("operand"))
      .def("add", &arithmetic<Add>, py::arg("value"), py::arg("operand"))
      .def("subtract", &arithmetic<Subtract>, py::arg("value"), py::arg("operand"))
      .def("divide", &arithmetic<Divide>, py::arg("value"), py::arg("operand"))
      .def("log1p", &log1p, py::arg("value"))
      .def("abs", &bindings::abs, py::arg("value"))
      .def("clip", &clip, py::arg("value"), py::arg("low"), py::arg("high"))
      .def("fill", &fill, py::arg("value"), py::arg("missing"), py::arg("replacement"))
      .def("is_missing", &is_missing, py::arg("value"), py::arg("missing"))
      .def("coalesce", &coalesce, py::arg("value"), py::arg("is_there"), py::arg("replacement"))
      .def("bits", &bits, py::arg("value"), py::arg("start"), py::arg("width"), py::arg("is_signed"))
      .def("codes", &codes, py::arg("value"), py::arg("key_bytes"), py::arg("keys"), py::arg("codes"),
           py::arg("otherwise"))
      .def("one_hot", &one_hot, py::arg("value"), py::arg("depth"))
      .def("output", &output, py::kw_only(), py::arg("name"), py::arg("type"), py::arg("is_target"), py::arg("values"));
}

}  // namespace binfeed::bindings
