// Which compiled loops run. All of them compute the same bits; the default is the best set that the machine supports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace binfeed {

namespace kernels {
struct Kernels;
}

// In order from the most basic to the best.
std::vector<std::string> compiled_instruction_sets();
std::vector<std::string> supported_instruction_sets();

// The set that BINFEED_INSTRUCTION_SET names, or else the best that is supported. Throws kArgument if the named set is
// unknown or this machine does not support it.
std::string default_instruction_set();

// Throws kArgument if the set is unknown or this machine does not support it.
const kernels::Kernels& kernels_of(std::string_view instruction_set);

}  // namespace binfeed
