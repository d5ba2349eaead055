// A column of a plan, ready to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace binfeed {

// The numbers of an operation, in the type it computes in. Kernels take them as an untyped pointer.
struct Operand {
  std::vector<std::byte> bytes;
  bool is_per_element = false;
};

// One pass over a block. Exactly one of the two kernels is set.
struct Step {
  kernels::Convert convert = nullptr;
  kernels::Compute compute = nullptr;
  Operand a = {};
  Operand b = {};
  std::size_t value_bytes = 0;  // of what comes out
};

struct Column {
  std::size_t offset = 0;          // of the first element in the record
  std::size_t elements = 1;        // per record
  std::size_t element_bytes = 0;   // of the source
  std::size_t target_offset = 0;   // within the output's row

  // Where elements are not contiguous, a pass that makes them so comes first.
  kernels::Gather gather = nullptr;
  kernels::Interleave interleave = nullptr;
  std::vector<std::uint32_t> offsets = {};
  std::size_t planes = 0;
  std::size_t plane_bytes = 0;

  std::vector<Step> steps = {};
};

}  // namespace binfeed
