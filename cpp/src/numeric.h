// PostgreSQL's numeric.
#pragma once

#include <cstddef>
#include <span>

namespace binfeed {

// The float64 nearest to a numeric as PostgreSQL sends it, the even one of two that are equally near. As in Python's
// float(Decimal), what is too large for any is infinity, and what is too small is zero. Throws kData if the bytes are
// no numeric.
double numeric_to_double(std::span<const std::byte> bytes);

}  // namespace binfeed
