#include "binfeed/order.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

using Int64Array = py::array_t<std::int64_t, py::array::c_style>;

py::array_t<std::int64_t> samples(const Order& order, std::int64_t position, std::int64_t count) {
  std::vector<Run> runs;
  order.append_runs(position, count, runs);
  py::array_t<std::int64_t> result(count);
  std::int64_t* next = result.mutable_data();
  for (const Run& run : runs) {
    for (std::int64_t i = 0; i < run.count; ++i) *next++ = run.first + i;
  }
  return result;
}

}  // namespace

void register_order(py::module_& module) {
  py::class_<Order, std::shared_ptr<Order>>(module, "Order")
      .def_static("sequential", [](std::int64_t size) { return std::const_pointer_cast<Order>(sequential_order(size)); },
                  py::arg("size"))
      .def_static(
          "listed",
          [](const Int64Array& listed, std::int64_t size) {
            return std::const_pointer_cast<Order>(
                listed_order({listed.data(), listed.data() + listed.size()}, size));
          },
          py::arg("samples"), py::arg("size"))
      .def_static(
          "interleaved",
          [](std::vector<std::int64_t> starts, std::int64_t cycle_length, std::int64_t block_length) {
            return std::const_pointer_cast<Order>(interleaved_order(std::move(starts), cycle_length, block_length));
          },
          py::arg("starts"), py::arg("cycle_length"), py::arg("block_length"))
      .def("__len__", &Order::size)
      .def("samples", &samples, py::arg("position"), py::arg("count"));
}

}  // namespace binfeed::bindings
