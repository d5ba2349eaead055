#include "binfeed/copy_parser.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "gil.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

// The bytes of an object, which cannot be resized meanwhile.
class BytesOf {
 public:
  explicit BytesOf(const py::buffer& object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  ~BytesOf() { PyBuffer_Release(&view_); }
  BytesOf(const BytesOf&) = delete;
  BytesOf& operator=(const BytesOf&) = delete;

  std::span<const std::byte> get() const {
    return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
  }

 private:
  Py_buffer view_;
};

// An array that owns `values`, whose memory is at `data`.
template <typename Values>
py::array make_array(const py::dtype& dtype, std::vector<py::ssize_t> shape, Values values, const void* data) {
  if (data == nullptr) return py::array(dtype, std::move(shape));  // of no bytes
  const py::capsule owner(new Values(std::move(values)), [](void* pointer) { delete static_cast<Values*>(pointer); });
  return py::array(dtype, std::move(shape), data, owner);
}

py::dtype dtype_of(CopyKind kind) {
  const std::optional<ElementType> type = value_type(kind);
  return type ? py::dtype(std::string(element_name(*type))) : py::dtype("V16");
}

py::array make_values(CopyKind kind, std::uint64_t rows, CopyValues& taken) {
  std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows)};
  shape.insert(shape.end(), taken.shape.begin(), taken.shape.end());
  const void* const data = taken.values.get();
  return make_array(dtype_of(kind), std::move(shape), std::move(taken.values), data);
}

// Objects of Python: bytes, or None for NULL.
py::array make_objects(std::uint64_t rows, const CopyValues& taken) {
  py::array objects(py::dtype("O"), std::vector{static_cast<py::ssize_t>(rows)});
  auto* const items = static_cast<PyObject**>(objects.mutable_data());
  const auto* next = reinterpret_cast<const char*>(taken.values.get());
  const std::uint32_t* size = taken.sizes.get();
  for (std::uint64_t row = 0; row < rows; ++row) {
    const bool is_null = !taken.valid.empty() && taken.valid[row] == 0;
    py::object item = is_null ? py::object(py::none()) : py::bytes(next, *size);
    if (!is_null) next += *size++;
    Py_XDECREF(std::exchange(items[row], item.release().ptr()));
  }
  return objects;
}

py::object make_valid(std::vector<std::uint8_t>& valid) {
  if (valid.empty()) return py::none();
  const void* const data = valid.data();
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(valid.size())};
  return make_array(py::dtype("bool"), shape, std::move(valid), data);
}

class PythonCopyParser {
 public:
  explicit PythonCopyParser(const std::vector<std::pair<std::string, std::string>>& columns)
      : columns_(parse_kinds(columns)), parser_(columns_) {}

  std::uint64_t feed(const py::buffer& data) {
    const BytesOf bytes(data);
    std::uint64_t rows = 0;
    without_gil([&](SignalCheck&) {
      const std::lock_guard lock(mutex_);
      parser_.feed(bytes.get());
      rows = parser_.rows();
    });
    return rows;
  }

  // Feeds the messages that libpq has received on a connection, until `rows` rows are complete. Returns 1 then, 0 if
  // nothing more has been received, and what is below 0 at the end of the copy, as PQgetCopyData does.
  int feed_from(std::uintptr_t connection, std::uintptr_t get_copy_data, std::uintptr_t free_memory,
                std::uint64_t rows) {
    const auto get = reinterpret_cast<int (*)(void*, char**, int)>(get_copy_data);
    const auto free = reinterpret_cast<void (*)(void*)>(free_memory);
    int result = 1;
    without_gil([&](SignalCheck& check) {
      const std::lock_guard lock(mutex_);
      while (parser_.rows() < rows) {
        check();
        char* message = nullptr;
        result = get(reinterpret_cast<void*>(connection), &message, 1);
        if (result <= 0) return;
        const std::unique_ptr<char, decltype(free)> owner(message, free);
        parser_.feed({reinterpret_cast<const std::byte*>(message), static_cast<std::size_t>(result)});
      }
      result = 1;
    });
    return result;
  }

  py::list take(std::optional<std::uint64_t> rows) {
    std::uint64_t count = 0;
    std::vector<CopyValues> taken;
    without_gil([&](SignalCheck&) {
      const std::lock_guard lock(mutex_);
      count = rows.value_or(parser_.rows());
      taken = parser_.take(count);
    });
    py::list result;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const CopyKind kind = columns_[i].kind;
      py::array values = kind == CopyKind::kBytes ? make_objects(count, taken[i]) : make_values(kind, count, taken[i]);
      result.append(py::make_tuple(std::move(values), make_valid(taken[i].valid)));
    }
    return result;
  }

  bool is_finished() {
    bool result = false;
    without_gil([&](SignalCheck&) {
      const std::lock_guard lock(mutex_);
      result = parser_.is_finished();
    });
    return result;
  }

 private:
  static std::vector<CopyColumn> parse_kinds(const std::vector<std::pair<std::string, std::string>>& columns) {
    std::vector<CopyColumn> parsed;
    parsed.reserve(columns.size());
    for (const auto& [name, kind] : columns) parsed.push_back(copy_column(name, kind));
    return parsed;
  }

  std::vector<CopyColumn> columns_;
  std::mutex mutex_;  // another thread may feed or take meanwhile
  CopyParser parser_;
};

}  // namespace

void register_copy_parser(py::module_& module) {
  py::class_<PythonCopyParser>(module, "CopyParser")
      .def(py::init<const std::vector<std::pair<std::string, std::string>>&>(), py::arg("columns"))
      .def("feed", &PythonCopyParser::feed, py::arg("data"))
      .def("feed_from", &PythonCopyParser::feed_from, py::kw_only(), py::arg("connection"), py::arg("get_copy_data"),
           py::arg("free_memory"), py::arg("rows"))
      .def("take", &PythonCopyParser::take, py::arg("rows") = py::none())
      .def_property_readonly("is_finished", &PythonCopyParser::is_finished);
}

}  // namespace binfeed::bindings
