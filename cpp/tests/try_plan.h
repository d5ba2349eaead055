// Runs a plan in every possible way: any bytes must lead to errors, or to the same arrays each time.
#pragma once

#include <string_view>
#include <vector>

#include "binfeed/read_plan.h"
#include "tensorflow_host.h"

namespace binfeed::tests {

// Reads batches through the core, with the most basic and the best instruction set, from and into memory that ends
// where its bytes do; and through the ops, from files with the same content. Plans of large files are only parsed, and
// large batches are skipped. Ends the process if something is wrong.
void try_plan(std::string_view bytes);

// The types of the outputs of an op.
std::vector<TF_DataType> types_of(const ReadPlan& plan);

// The results of BinfeedRead for one batch, and for one of the chunks {first, step, batches, size}.
host::Result read_batch(const host::Kernel& kernel, std::int64_t number, std::int64_t passed_epochs = 0,
                        std::uint64_t seed = 0);
host::Result read_chunk(const host::Kernel& kernel, std::int64_t chunk, const std::vector<std::int64_t>& chunks);

}  // namespace binfeed::tests
