#include "binfeed/order.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "binfeed/instruction_set.h"

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

std::shared_ptr<Order> bound(const OrderPointer& order) { return std::const_pointer_cast<Order>(order); }

std::shared_ptr<Order> listed(const Int64Array& samples, std::int64_t size) {
  return bound(listed_order({samples.data(), samples.data() + samples.size()}, size));
}

std::shared_ptr<Order> interleaved(std::vector<std::int64_t> starts, std::int64_t cycle_length,
                                   std::int64_t block_length) {
  return bound(interleaved_order(std::move(starts), cycle_length, block_length));
}

std::shared_ptr<Order> shuffled(std::int64_t size, std::uint64_t seed, std::uint64_t epoch,
                                const std::string& instruction_set) {
  return bound(shuffled_order(size, {seed, epoch}, kernels_of(instruction_set)));
}

std::shared_ptr<Order> block_shuffled(std::int64_t size, std::int64_t block_samples, std::int64_t group_blocks,
                                      std::uint64_t seed, std::uint64_t epoch, const std::string& instruction_set) {
  return bound(block_shuffled_order(size, block_samples, group_blocks, {seed, epoch}, kernels_of(instruction_set)));
}

std::shared_ptr<Order> sharded(const std::shared_ptr<Order>& order, std::int64_t shard, std::int64_t shards,
                               std::int64_t first, std::int64_t batch_size, bool drops_remainder, bool pads) {
  return bound(sharded_order(order, {.shard = shard,
                                     .shards = shards,
                                     .first = first,
                                     .batch_size = batch_size,
                                     .drops_remainder = drops_remainder,
                                     .pads = pads}));
}

}  // namespace

void register_order(py::module_& module) {
  py::class_<Order, std::shared_ptr<Order>>(module, "Order")
      .def_static(
          "sequential", [](std::int64_t size) { return bound(sequential_order(size)); }, py::arg("size"))
      .def_static("listed", &listed, py::arg("samples"), py::arg("size"))
      .def_static("interleaved", &interleaved, py::arg("starts"), py::arg("cycle_length"), py::arg("block_length"))
      .def_static("shuffled", &shuffled, py::arg("size"), py::kw_only(), py::arg("seed"), py::arg("epoch"),
                  py::arg("instruction_set"))
      .def_static("block_shuffled", &block_shuffled, py::arg("size"), py::kw_only(), py::arg("block_samples"),
                  py::arg("group_blocks"), py::arg("seed"), py::arg("epoch"), py::arg("instruction_set"))
      .def_static("sharded", &sharded, py::arg("order"), py::kw_only(), py::arg("shard"), py::arg("shards"),
                  py::arg("first"), py::arg("batch_size"), py::arg("drops_remainder"), py::arg("pads"))
      .def("__len__", &Order::size)
      .def("samples", &samples, py::arg("position"), py::arg("count"));
}

}  // namespace binfeed::bindings
