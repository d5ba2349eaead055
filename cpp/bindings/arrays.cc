#include "arrays.h"

#include <cstddef>

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

py::array make_array(const ArrayType& type, std::int64_t rows, Buffer buffer) {
  std::vector<py::ssize_t> shape{rows};
  shape.insert(shape.end(), type.second.begin(), type.second.end());
  auto* const owned = new Buffer(std::move(buffer));
  const py::capsule owner(owned, [](void* pointer) { delete static_cast<Buffer*>(pointer); });
  return py::array(type.first, std::move(shape), owned->bytes(), owner);
}

}  // namespace

std::vector<ArraySpec> array_specs(const std::vector<ArrayType>& types) {
  std::vector<ArraySpec> specs;
  for (const auto& [dtype, shape] : types) {
    specs.push_back({{shape.begin(), shape.end()}, static_cast<std::uint64_t>(dtype.itemsize())});
  }
  return specs;
}

py::list make_arrays(const std::vector<ArrayType>& types, std::int64_t rows, BatchBuffers& buffers) {
  py::list arrays;
  for (std::size_t k = 0; k < buffers.size(); ++k) arrays.append(make_array(types[k], rows, buffers.take(k)));
  return arrays;
}

}  // namespace binfeed::bindings
