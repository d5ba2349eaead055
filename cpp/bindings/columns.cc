#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "arrays.h"
#include "bindings.h"
#include "binfeed/checked.h"
#include "binfeed/decoder.h"
#include "gil.h"

namespace py = pybind11;

namespace binfeed::bindings {
namespace {

using Column = py::array;  // [rows, ...]; a row is contiguous, and a distance of 0 between rows repeats one

// Runs a program over columns, each of which is a source of its own.
class ColumnDecoder {
 public:
  ColumnDecoder(std::vector<std::size_t> source_bytes, const Program& program, std::vector<ArrayType> array_types,
                const std::string& instruction_set)
      : array_types_(std::move(array_types)),
        plan_(std::move(source_bytes), validated(program, array_types_), all_outputs(program), instruction_set) {
    require(plan_.history() == 0 && plan_.sums().empty(), "rows of a table have no rows before them");
  }

  py::list decode(const std::vector<Column>& columns, std::int64_t count) const {
    const std::vector<std::size_t>& source_bytes = plan_.source_bytes();
    require(columns.size() == source_bytes.size(),
            std::to_string(source_bytes.size()) + " columns are needed, not " + std::to_string(columns.size()));
    std::vector<Rows> sources;
    for (std::size_t k = 0; k < columns.size(); ++k) sources.push_back(rows_of(columns[k], source_bytes[k], count));
    BatchBuffers buffers(plan_.row_bytes(), count);
    without_gil([&](SignalCheck&) {
      const DefaultFloatingPoint floating_point;
      binfeed::decode(plan_, sources, static_cast<std::size_t>(count), buffers.bytes());
    });
    return make_arrays(array_types_, count, buffers);
  }

 private:
  static const Program& validated(const Program& program, const std::vector<ArrayType>& array_types) {
    // The layout says nothing about columns; it only has to be a valid one.
    validate(ReadPlan{.layout = {1, 0, 0}, .program = program, .arrays = array_specs(array_types)});
    return program;
  }

  static Rows rows_of(const Column& column, std::size_t bytes, std::int64_t count) {
    require(column.ndim() >= 1 && column.shape(0) >= count && column.strides(0) >= 0,
            "a column must be an array of at least " + std::to_string(count) + " rows");
    py::ssize_t row = column.itemsize();
    for (py::ssize_t axis = column.ndim() - 1; axis > 0; --axis) {
      require(column.strides(axis) == row || column.shape(axis) <= 1, "the rows of a column must be contiguous");
      row *= column.shape(axis);
    }
    require(static_cast<std::size_t>(row) == bytes,
            "a column must have " + std::to_string(bytes) + " bytes per row, not " + std::to_string(row));
    return {static_cast<const std::byte*>(column.data()), static_cast<std::size_t>(column.strides(0))};
  }

  std::vector<ArrayType> array_types_;
  DecodePlan plan_;
};

}  // namespace

void register_columns(py::module_& module) {
  py::class_<ColumnDecoder>(module, "ColumnDecoder")
      .def(py::init<std::vector<std::size_t>, const Program&, std::vector<ArrayType>, const std::string&>(),
           py::kw_only(), py::arg("source_bytes"), py::arg("program"), py::arg("array_types"),
           py::arg("instruction_set"))
      .def("decode", &ColumnDecoder::decode, py::arg("columns"), py::arg("count"));
}

}  // namespace binfeed::bindings
