#include <pybind11/stl.h>

#include "bindings.h"
#include "binfeed/buffer_pool.h"
#include "binfeed/instruction_set.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ core of binfeed. Not a public interface.";
  module.attr("__version__") = BINFEED_VERSION;
  module.def("compiled_instruction_sets", &binfeed::compiled_instruction_sets);
  module.def("supported_instruction_sets", &binfeed::supported_instruction_sets);
  module.def("default_instruction_set", &binfeed::default_instruction_set);
  module.def("buffer_pool_bytes", [] {
    const auto statistics = binfeed::BufferPool::instance().statistics();
    return py::make_tuple(statistics.kept_bytes, statistics.lent_bytes);
  });
  binfeed::bindings::register_errors(module);
  binfeed::bindings::register_copy_parser(module);
  binfeed::bindings::register_order(module);
  binfeed::bindings::register_program(module);
  binfeed::bindings::register_columns(module);
  binfeed::bindings::register_reader(module);
  binfeed::bindings::register_schedule(module);
}
