// The only place that translates errors of the core to exceptions of Python.
#include <cerrno>
#include <string>

#include "bindings.h"
#include "binfeed/status.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

py::str decode_path(const std::string& path) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

void set_python_error(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kSystem:
      errno = error.error_number();
      PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, decode_path(error.path()).ptr());
      return;
    case ErrorKind::kData: {
      const py::object type = py::module_::import("binfeed.errors").attr("DataError");
      const py::object instance = type(decode_path(error.what()), decode_path(error.path()), error.offset());
      PyErr_SetObject(type.ptr(), instance.ptr());
      return;
    }
    case ErrorKind::kIndex:
      PyErr_SetString(PyExc_IndexError, error.what());
      return;
    case ErrorKind::kArgument:
    case ErrorKind::kClosed:
      PyErr_SetString(PyExc_ValueError, error.what());
      return;
  }
}

}  // namespace

void register_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      set_python_error(error);
    }
  });
}

}  // namespace binfeed::bindings
