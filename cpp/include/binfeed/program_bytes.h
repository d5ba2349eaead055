// A step as bytes.
#pragma once

#include <string>

#include "binfeed/program.h"

namespace binfeed {

// Equal for steps that do the same to the same inputs, to the bit.
std::string to_bytes(const Step& step);

}  // namespace binfeed
