// Does what a plan says, in every way there is: any bytes must end in errors or in the same arrays each time.
#pragma once

#include <string_view>
#include <vector>

#include "binfeed/read_plan.h"
#include "tensorflow_host.h"

namespace binfeed::tests {

// Reads batches by way of the core, from memory into memory that both end where their bytes do, with the plainest and
// the best instruction set; and by way of the ops, from files that hold the same. Plans of large files or batches are
// only parsed. Ends the process where something is not right.
void try_plan(std::string_view bytes);

// The types that the outputs of an op have.
std::vector<TF_DataType> types_of(const ReadPlan& plan);

// What BinfeedRead gives for one batch, and for a chunk of {first, step, batches, size}.
host::Result read_batch(const host::Kernel& kernel, std::int64_t number, std::int64_t passed_epochs = 0,
                        std::uint64_t seed = 0);
host::Result read_chunk(const host::Kernel& kernel, std::int64_t chunk, const std::vector<std::int64_t>& chunks);

}  // namespace binfeed::tests
