// Loops that hash the values of a block.
#pragma once

#include "binfeed/program.h"
#include "kernels/kernels.h"

namespace binfeed {

// Hashes fixed bytes, or integers of `type` in the machine's byte order.
void hash_values(const kernels::Block& block, const Hash& hash, ElementType type);

// Makes one hash of two values of 64 bits each, modulo `bins` unless that is 0.
void cross_values(const kernels::Block& block, std::uint64_t bins);

}  // namespace binfeed
