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
#include "hashing.h"
#include "listing.h"

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

Value constant(Program& program, const std::string& type, const Array<std::uint64_t>& words) {
  return add(program, Constant{element_type(type), to_vector(words)});
}

Value cast(Program& program, Value value, const std::string& type) {
  return add(program, Cast{element_type(type)}, {value});
}

Value map(Program& program, Value value, Function function) { return add(program, Map{function}, {value}); }

Value combine(Program& program, Value a, Value b, Combination combination) {
  return add(program, Combine{combination}, {a, b});
}

Value choose(Program& program, Value condition, Value a, Value b) { return add(program, Choose{}, {condition, a, b}); }

Value lag(Program& program, Value value, std::uint64_t records) { return add(program, Lag{records}, {value}); }

Value fill_first(Program& program, Value value, std::uint64_t records, std::uint64_t replacement) {
  return add(program, FillFirst{records, replacement}, {value});
}

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

Value hash(Program& program, Value value, std::uint64_t text_bytes, std::uint64_t bins,
           std::vector<std::uint64_t> salt) {
  return add(program, Hash{text_bytes, bins, std::move(salt)}, {value});
}

Value cross(Program& program, Value a, Value b, std::uint64_t bins) { return add(program, Cross{bins}, {a, b}); }

Value one_hot(Program& program, Value value, std::uint64_t depth) { return add(program, OneHot{depth}, {value}); }

Value multi_hot(Program& program, Value value, std::uint64_t group, std::uint64_t depth) {
  return add(program, MultiHot{group, depth}, {value});
}

Value bucketize(Program& program, Value value, const Array<std::uint64_t>& edges) {
  return add(program, Bucketize{to_vector(edges)}, {value});
}

void output(Program& program, std::string name, const std::string& type, bool is_target, bool is_cumulative,
            std::vector<Value> values) {
  program.outputs.push_back({std::move(name), element_type(type), is_target, is_cumulative, std::move(values)});
}

}  // namespace

void register_program(py::module_& module) {
  py::native_enum<Packing>(module, "Packing", "enum.Enum")
      .value("NONE", Packing::kNone)
      .value("LOW_FIRST", Packing::kLowFirst)
      .value("HIGH_FIRST", Packing::kHighFirst)
      .value("WFDB212", Packing::kWfdb212)
      .finalize();

  py::native_enum<Function>(module, "Function", "enum.Enum")
      .value("SQRT", Function::kSqrt)
      .value("EXP", Function::kExp)
      .value("LOG", Function::kLog)
      .value("LOG2", Function::kLog2)
      .value("LOG10", Function::kLog10)
      .value("LOG1P", Function::kLog1p)
      .value("SIN", Function::kSin)
      .value("COS", Function::kCos)
      .value("TANH", Function::kTanh)
      .value("ABS", Function::kAbs)
      .value("SIGN", Function::kSign)
      .value("FLOOR", Function::kFloor)
      .value("CEIL", Function::kCeil)
      .value("ROUND", Function::kRound)
      .value("INVERT", Function::kInvert)
      .finalize();

  py::native_enum<Combination>(module, "Combination", "enum.Enum")
      .value("ADD", Combination::kAdd)
      .value("SUBTRACT", Combination::kSubtract)
      .value("MULTIPLY", Combination::kMultiply)
      .value("FLOOR_DIVIDE", Combination::kFloorDivide)
      .value("REMAINDER", Combination::kRemainder)
      .value("DIVIDE", Combination::kDivide)
      .value("POWER", Combination::kPower)
      .value("MINIMUM", Combination::kMinimum)
      .value("MAXIMUM", Combination::kMaximum)
      .value("EQUAL", Combination::kEqual)
      .value("LESS", Combination::kLess)
      .value("LESS_EQUAL", Combination::kLessEqual)
      .value("AND", Combination::kAnd)
      .value("OR", Combination::kOr)
      .value("XOR", Combination::kXor)
      .finalize();

  // The hashes themselves, which TensorFlow defines.
  module.def(
      "hash_of_bytes",
      [](const std::string& text, const std::vector<std::uint64_t>& salt) {
        require(salt.empty() || salt.size() == 2, "a salt has two words");
        const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
        return salt.empty() ? fingerprint64(bytes, text.size()) : strong_hash64(salt.data(), bytes, text.size());
      },
      py::arg("text"), py::arg("salt"));
  module.def("concatenated_hash", &concatenated, py::arg("first"), py::arg("second"));

  py::class_<Program>(module, "Program")
      .def(py::init<>())
      .def("load", &load, py::kw_only(), py::arg("source"), py::arg("type"), py::arg("is_swapped"), py::arg("offset"),
           py::arg("elements"), py::arg("offsets"), py::arg("packing"), py::arg("packed_bits"),
           py::arg("packed_elements"))
      .def("cast", &cast, py::arg("value"), py::arg("type"))
      .def("constant", &constant, py::arg("type"), py::arg("words"))
      .def("map", &map, py::arg("value"), py::arg("function"))
      .def("combine", &combine, py::arg("a"), py::arg("b"), py::arg("combination"))
      .def("choose", &choose, py::arg("condition"), py::arg("a"), py::arg("b"))
      .def("lag", &lag, py::arg("value"), py::arg("records"))
      .def("fill_first", &fill_first, py::arg("value"), py::arg("records"), py::arg("replacement"))
      .def("clip", &clip, py::arg("value"), py::arg("low"), py::arg("high"))
      .def("fill", &fill, py::arg("value"), py::arg("missing"), py::arg("replacement"))
      .def("is_missing", &is_missing, py::arg("value"), py::arg("missing"))
      .def("coalesce", &coalesce, py::arg("value"), py::arg("is_there"), py::arg("replacement"))
      .def("bits", &bits, py::arg("value"), py::arg("start"), py::arg("width"), py::arg("is_signed"))
      .def("codes", &codes, py::arg("value"), py::arg("key_bytes"), py::arg("keys"), py::arg("codes"),
           py::arg("otherwise"))
      .def("hash", &hash, py::arg("value"), py::arg("text_bytes"), py::arg("bins"), py::arg("salt"))
      .def("cross", &cross, py::arg("a"), py::arg("b"), py::arg("bins"))
      .def("one_hot", &one_hot, py::arg("value"), py::arg("depth"))
      .def("multi_hot", &multi_hot, py::arg("value"), py::arg("group"), py::arg("depth"))
      .def("bucketize", &bucketize, py::arg("value"), py::arg("edges"))
      .def("listed_steps", &listed_steps)
      .def("listed_outputs", &listed_outputs)
      .def("output", &output, py::kw_only(), py::arg("name"), py::arg("type"), py::arg("is_target"),
           py::arg("is_cumulative"), py::arg("values"));
}

}  // namespace binfeed::bindings
