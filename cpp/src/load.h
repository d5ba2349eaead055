// Where the elements of a load lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "binfeed/program.h"

namespace binfeed {

// Bytes of the row from the load's offset to the end of its last element.
std::uint64_t extent(const Load& load);

// Throws kArgument unless the numbers of a packed load exist and fit their type.
void require_packing(const Load& load);

// The number of equal planes if `offsets` take one element of each plane in turn (channels last), else 0.
std::size_t planes_of(std::span<const std::uint32_t> offsets, std::size_t bytes);

bool are_contiguous(std::span<const std::uint32_t> offsets, std::size_t bytes);

}  // namespace binfeed
