// Outputs as NumPy arrays, which own their buffers.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "binfeed/buffer_pool.h"
#include "binfeed/read_plan.h"

namespace binfeed::bindings {

// An output in NumPy's terms: its dtype, and its shape per sample.
using ArrayType = std::pair<pybind11::dtype, std::vector<pybind11::ssize_t>>;

std::vector<ArraySpec> array_specs(const std::vector<ArrayType>& types);

// Moves the buffers of a batch of `rows` samples into arrays.
pybind11::list make_arrays(const std::vector<ArrayType>& types, std::int64_t rows, BatchBuffers& buffers);

}  // namespace binfeed::bindings
