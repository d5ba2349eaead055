#include "binfeed/reader.h"

#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "arrays.h"
#include "bindings.h"
#include "binfeed/buffer_pool.h"
#include "binfeed/read_plan.h"
#include "binfeed/status.h"
#include "gil.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;
// A path in the encoding of the file system, or bytes in memory with a name for messages.
using Source = std::variant<py::bytes, std::pair<py::bytes, Bytes>>;

Files open_files(const std::vector<Source>& sources) {
  struct Memory {
    std::string name;
    const std::byte* bytes;
    std::uint64_t size;
  };
  std::vector<std::variant<std::string, Memory>> opened;
  opened.reserve(sources.size());
  for (const Source& source : sources) {
    if (const auto* path = std::get_if<py::bytes>(&source)) {
      opened.emplace_back(static_cast<std::string>(*path));
    } else {
      const auto& [name, bytes] = std::get<1>(source);
      opened.emplace_back(
          Memory{name, reinterpret_cast<const std::byte*>(bytes.data()), static_cast<std::uint64_t>(bytes.size())});
    }
  }
  Files files;
  files.reserve(opened.size());
  without_gil([&](SignalCheck& check) {
    for (auto& source : opened) {
      if (auto* path = std::get_if<std::string>(&source)) {
        files.push_back(std::make_unique<MappedFile>(std::move(*path)));
      } else {
        auto& memory = std::get<Memory>(source);
        files.push_back(std::make_unique<MappedFile>(std::move(memory.name), memory.bytes, memory.size));
      }
      check();
    }
  });
  return files;
}

class PythonReader {
 public:
  PythonReader(std::vector<Source> sources, std::size_t record_bytes, std::size_t header_bytes,
               std::size_t footer_bytes, const Program& program, std::vector<ArrayType> array_types,
               const Window& window, const std::string& instruction_set)
      : array_types_(std::move(array_types)) {
    const Layout layout{record_bytes, header_bytes, footer_bytes};
    ReadPlan plan{.layout = layout, .window = window, .program = program};
    plan.arrays = array_specs(array_types_);
    validate(plan);
    auto records = RecordIndex(layout, open_files(sources));
    open_ = std::make_shared<const Open>(
        Open{std::move(sources), std::make_unique<Reader>(std::move(records), window, program, instruction_set)});
  }

  py::list read(const std::shared_ptr<Order>& order, std::int64_t position, std::int64_t count) const {
    const std::shared_ptr<const Open> open = opened();  // keeps the files open, should another thread close the reader
    order->check(position, count);
    BatchBuffers buffers(open->reader->output_bytes(), count);
    without_gil(
        [&](SignalCheck& check) { open->reader->read(*order, position, count, buffers.bytes(), std::ref(check)); });
    return make_arrays(array_types_, count, buffers);
  }

  void advise(AccessPattern pattern) const {
    const std::shared_ptr<const Open> open = opened();
    without_gil([&](SignalCheck&) { open->reader->advise(pattern); });
  }

  void read_ahead(const std::shared_ptr<Order>& order, std::int64_t position, std::int64_t count) const {
    const std::shared_ptr<const Open> open = opened();
    without_gil([&](SignalCheck&) { open->reader->read_ahead(*order, position, count); });
  }

  const std::vector<std::int64_t>& starts() const { return opened()->reader->samples().starts(); }

  std::int64_t sample_bytes() const { return opened()->reader->sample_bytes(); }

  std::vector<FileSpec> files() const {
    std::vector<FileSpec> files;
    for (const auto& file : opened()->reader->records().files()) files.push_back({file->path(), file->identity()});
    return files;
  }
  bool is_closed() const { return open_ == nullptr; }
  void close() { open_.reset(); }

 private:
  struct Open {
    std::vector<Source> sources;  // keeps bytes in memory alive
    std::unique_ptr<Reader> reader;
  };

  std::shared_ptr<const Open> opened() const {
    if (open_ == nullptr) throw Error(ErrorKind::kClosed, "the reader is closed");
    return open_;
  }

  std::vector<ArrayType> array_types_;
  std::shared_ptr<const Open> open_;
};

}  // namespace

void register_reader(py::module_& module) {
  py::native_enum<AccessPattern>(module, "AccessPattern", "enum.Enum")
      .value("NORMAL", AccessPattern::kNormal)
      .value("SEQUENTIAL", AccessPattern::kSequential)
      .value("RANDOM", AccessPattern::kRandom)
      .finalize();

  py::class_<Window>(module, "Window")
      .def(py::init([](std::int64_t size, std::int64_t stride, std::int64_t dilation, std::int64_t target_offset,
                       std::int64_t target_size, std::int64_t history) {
             return Window{size, stride, dilation, target_offset, target_size, history};
           }),
           py::kw_only(), py::arg("size"), py::arg("stride"), py::arg("dilation"), py::arg("target_offset"),
           py::arg("target_size"), py::arg("history"))
      .def("span", &Window::span);

  py::class_<PythonReader>(module, "RecordReader")
      .def(py::init<std::vector<Source>, std::size_t, std::size_t, std::size_t, const Program&, std::vector<ArrayType>,
                    const Window&, const std::string&>(),
           py::kw_only(), py::arg("sources"), py::arg("record_bytes"), py::arg("header_bytes"), py::arg("footer_bytes"),
           py::arg("program"), py::arg("array_types"), py::arg("window"), py::arg("instruction_set"))
      .def("read", &PythonReader::read, py::arg("order"), py::arg("position"), py::arg("count"))
      .def("advise", &PythonReader::advise, py::arg("pattern"))
      .def("read_ahead", &PythonReader::read_ahead, py::arg("order"), py::arg("position"), py::arg("count"))
      .def("starts", &PythonReader::starts)
      .def("sample_bytes", &PythonReader::sample_bytes)
      .def("files", &PythonReader::files)
      .def("is_closed", &PythonReader::is_closed)
      .def("close", &PythonReader::close);
}

}  // namespace binfeed::bindings
