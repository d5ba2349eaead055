// A column of a plan, ready to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace binfeed {

// What a kernel takes as an untyped pointer.
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
  std::size_t elements = 0;      // per record
  std::size_t source_bytes = 0;  // of what goes in, per element
  std::size_t target_bytes = 0;  // of what comes out
  // Kept here because `a` points into them.
  std::vector<std::uint64_t> keys = {};
  std::vector<std::int32_t> codes = {};
};

struct Column {
  std::size_t offset = 0;         // of the first element in the record
  std::size_t elements = 1;       // per record
  std::size_t element_bytes = 0;  // of the source, unpacked
  std::size_t target_offset = 0;  // within the output's row
  std::size_t target_bytes = 0;   // of the row

  // Packed numbers are unpacked first, all `packed_elements` of them.
  kernels::Unpack unpack = nullptr;
  Packing packing = Packing::kNone;
  std::size_t packed_bits = 0;
  std::size_t packed_elements = 0;

  // Where elements are not contiguous, a pass that makes them so comes next.
  kernels::Gather gather = nullptr;
  kernels::Interleave interleave = nullptr;
  std::vector<std::uint32_t> offsets = {};
  std::size_t planes = 0;
  std::size_t plane_bytes = 0;

  // Set for short rows of elements: the loops are slow at many short runs, so that these are brought together first,
  // and taken apart in the end, where source or target have gaps.
  kernels::CopyRows copy_rows = nullptr;

  std::vector<Step> steps = {};
};

}  // namespace binfeed
