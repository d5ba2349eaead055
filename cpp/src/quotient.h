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

// Replaces divisors by their inverses if all are powers of two that have one, so that multiplying gives the same bits.
bool invert_powers_of_two(ElementType compute, std::vector<double>& divisors);

}  // namespace binfeed
