// A step as bytes.
#pragma once

#include <string>

#include "binfeed/program.h"

namespace binfeed {

// Equal if and only if two steps have the same inputs and the same operation, with the same bits in every argument.
std::string to_bytes(const Step& step);

}  // namespace binfeed
