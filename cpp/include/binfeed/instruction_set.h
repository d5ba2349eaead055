// Which compiled loops run. All of them give the same bits; the best one that the machine has is the default.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace binfeed {

namespace kernels {
struct Kernels;
}

// From the plainest to the best.
std::vector<std::string> compiled_instruction_sets();
std::vector<std::string> supported_instruction_sets();

// The one that BINFEED_INSTRUCTION_SET names, else the best supported. Throws kArgument if that name is unknown or
// this machine lacks it.
std::string default_instruction_set();

// Throws kArgument likewise.
const kernels::Kernels& kernels_of(std::string_view instruction_set);

}  // namespace binfeed
