#include "binfeed/schedule.h"

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "binfeed/chunks.h"
#include "binfeed/instruction_set.h"
#include "binfeed/read_ahead.h"
#include "binfeed/read_plan.h"
#include "gil.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

ScheduleSpec make_spec(std::vector<std::int64_t> starts, Shuffle shuffle, std::uint64_t seed,
                       std::int64_t block_samples, std::int64_t group_blocks, std::int64_t cycle_length,
                       std::int64_t block_length, std::int64_t batch_size, bool drops_remainder, std::int64_t shard,
                       std::int64_t shards, bool pads, std::int64_t first_epoch, std::int64_t first_position,
                       std::int64_t epochs) {
  return {.starts = std::move(starts),
          .cycle_length = cycle_length,
          .block_length = block_length,
          .shuffle = shuffle,
          .seed = seed,
          .block_samples = block_samples,
          .group_blocks = group_blocks,
          .batch_size = batch_size,
          .drops_remainder = drops_remainder,
          .shard = shard,
          .shards = shards,
          .pads = pads,
          .first_epoch = first_epoch,
          .first_position = first_position,
          .epochs = epochs};
}

Schedule make_schedule(const ScheduleSpec& spec) { return Schedule(spec, kernels_of(default_instruction_set())); }

std::tuple<std::int64_t, std::int64_t, std::int64_t> locate(const Schedule& schedule, std::int64_t number) {
  const auto [epoch, position, count] = schedule.locate(number);
  return {epoch, position, count};
}

std::pair<std::int64_t, std::int64_t> place_after(const Schedule& schedule, std::int64_t batches) {
  const auto [epoch, position] = schedule.place_after(batches);
  return {epoch, position};
}

std::pair<std::int64_t, std::int64_t> chunk_at(const Chunks& chunks, std::int64_t number) {
  const auto [first, batches] = chunks.at(number);
  return {first, batches};
}

using Array = std::tuple<std::vector<std::int64_t>, std::uint64_t, bool>;  // shape, item_bytes, is_string

py::bytes read_plan_bytes(std::vector<FileSpec> files, std::size_t record_bytes, std::size_t header_bytes,
                          std::size_t footer_bytes, const Window& window, const Program& program,
                          const std::vector<Array>& arrays, const ScheduleSpec* schedule) {
  ReadPlan plan{.files = std::move(files),
                .layout = {record_bytes, header_bytes, footer_bytes},
                .window = window,
                .program = program,
                .arrays = {},
                .schedule = schedule == nullptr ? ScheduleSpec{} : *schedule};
  for (const auto& [shape, item_bytes, is_string] : arrays) plan.arrays.push_back({shape, item_bytes, is_string});
  validate(plan);
  return to_bytes(plan);
}

}  // namespace

void register_schedule(py::module_& module) {
  py::native_enum<Shuffle>(module, "Shuffle", "enum.Enum")
      .value("NONE", Shuffle::kNone)
      .value("GLOBAL", Shuffle::kGlobal)
      .value("BLOCK", Shuffle::kBlock)
      .finalize();

  py::class_<ScheduleSpec>(module, "ScheduleSpec")
      .def(py::init(&make_spec), py::kw_only(), py::arg("starts"), py::arg("shuffle"), py::arg("seed"),
           py::arg("block_samples"), py::arg("group_blocks"), py::arg("cycle_length"), py::arg("block_length"),
           py::arg("batch_size"), py::arg("drops_remainder"), py::arg("shard"), py::arg("shards"), py::arg("pads"),
           py::arg("first_epoch"), py::arg("first_position"), py::arg("epochs"));

  py::class_<Schedule>(module, "Schedule")
      .def(py::init(&make_schedule), py::arg("spec"))
      .def(
          "order",
          [](const Schedule& schedule, std::int64_t epoch) {
            return std::const_pointer_cast<Order>(schedule.order(epoch));
          },
          py::arg("epoch"))
      .def("access_pattern", &Schedule::access_pattern)
      .def("batches", &Schedule::batches)
      .def("batches_of_another_epoch", &Schedule::batches_of_another_epoch)
      .def("has_full_batches_only", &Schedule::has_full_batches_only)
      .def("locate", &locate, py::arg("number"))
      .def("place_after", &place_after, py::arg("batches"));

  py::class_<Chunks>(module, "Chunks")
      .def(py::init<const Schedule&, std::int64_t, std::int64_t, std::int64_t, std::int64_t>(), py::arg("schedule"),
           py::kw_only(), py::arg("first"), py::arg("step"), py::arg("batches"), py::arg("size"))
      .def("count", &Chunks::count)
      .def("size", &Chunks::size)
      .def("at", &chunk_at, py::arg("number"));

  py::class_<ReadAhead>(module, "ReadAhead")
      .def(py::init<std::int64_t, AccessPattern, std::int64_t>(), py::kw_only(), py::arg("sample_bytes"),
           py::arg("pattern"), py::arg("batch_size"))
      .def(
          "next",
          [](ReadAhead& ahead, std::int64_t epoch, std::int64_t position, std::int64_t count, std::int64_t size) {
            const auto [first, positions] = ahead.next(epoch, position, count, size);
            return std::pair(first, positions);
          },
          py::arg("epoch"), py::arg("position"), py::arg("count"), py::arg("size"));

  py::class_<FileSpec>(module, "FileSpec").def("check", [](const FileSpec& file) {
    without_gil([&](SignalCheck&) { check_identity(file.path, file.identity); });
  });

  module.def("validate_plan", [](const std::string& plan) { read_plan(plan); }, py::arg("plan"));
  module.def("read_plan_bytes", &read_plan_bytes, py::kw_only(), py::arg("files"), py::arg("record_bytes"),
             py::arg("header_bytes"), py::arg("footer_bytes"), py::arg("window"), py::arg("program"), py::arg("arrays"),
             py::arg("schedule"));
}

}  // namespace binfeed::bindings
