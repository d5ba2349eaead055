// Each function adds the bindings of one subject to the module. Bindings only translate; the core computes.
#pragma once

#include <pybind11/pybind11.h>

namespace binfeed::bindings {

void register_columns(pybind11::module_& module);
void register_copy_parser(pybind11::module_& module);
void register_errors(pybind11::module_& module);
void register_order(pybind11::module_& module);
void register_program(pybind11::module_& module);
void register_reader(pybind11::module_& module);
void register_schedule(pybind11::module_& module);

}  // namespace binfeed::bindings
