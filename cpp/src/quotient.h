// Division by multiplying, where that gives the same bits.
#pragma once

#include <optional>
#include <vector>

#include "kernels/kernels.h"

namespace binfeed {

// The arithmetic that multiplies by reciprocals instead of dividing, if it gives the same bits; then the reciprocals
// are appended to `divisors`. `subtracted` holds the operands a of (x - a) / b.
std::optional<kernels::Arithmetic> as_quotient(kernels::Arithmetic arithmetic, ElementType type,
                                               const std::vector<double>& subtracted, std::vector<double>& divisors);

}  // namespace binfeed
