#include "quotient.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace binfeed {

using kernels::Arithmetic;

namespace {

// Whether quotient() of the kernels gives the bits of (x - subtracted) / divisor for every value x of the type.
bool divides_exactly(ElementType type, float subtracted, float divisor, float reciprocal) {
  const bool is_signed = type == ElementType::kInt8 || type == ElementType::kInt16;
  const std::int32_t count = element_bytes(type) == 1 ? 1 << 8 : 1 << 16;
  const std::int32_t lowest = is_signed ? -count / 2 : 0;
  for (std::int32_t value = lowest; value < lowest + count; ++value) {
    const float x = static_cast<float>(value) - subtracted;
    const float estimate = x * reciprocal;
    const float quotient = std::fma(std::fma(-estimate, divisor, x), reciprocal, estimate);
    if (std::bit_cast<std::uint32_t>(quotient) != std::bit_cast<std::uint32_t>(x / divisor)) return false;
  }
  return true;
}

}  // namespace

std::optional<Arithmetic> as_quotient(Arithmetic arithmetic, ElementType type, const std::vector<double>& subtracted,
                                      std::vector<double>& divisors) {
  constexpr std::size_t kMaxValuesToTry = 1 << 19;
  const bool is_divide = arithmetic == Arithmetic::kDivide;
  if (!kernels::has_quotient(type) || (!is_divide && arithmetic != Arithmetic::kSubtractDivide)) return std::nullopt;
  std::set<std::pair<float, float>> pairs;
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    if (std::isnan(divisors[i]) || (!is_divide && std::isnan(subtracted[i]))) return std::nullopt;
    pairs.emplace(is_divide ? 0.0F : static_cast<float>(subtracted[i]), static_cast<float>(divisors[i]));
  }
  if (pairs.size() * (std::size_t{1} << (8 * element_bytes(type))) > kMaxValuesToTry) return std::nullopt;
  for (const auto& [minus, divisor] : pairs) {
    if (!divides_exactly(type, minus, divisor, 1 / divisor)) return std::nullopt;
  }
  for (std::size_t i = 0, count = divisors.size(); i < count; ++i) {
    divisors.push_back(1 / static_cast<float>(divisors[i]));
  }
  return is_divide ? Arithmetic::kQuotient : Arithmetic::kSubtractQuotient;
}

bool invert_powers_of_two(ElementType compute, std::vector<double>& divisors) {
  const double least =
      compute == ElementType::kFloat32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  const bool are_powers = std::ranges::all_of(divisors, [&](double divisor) {
    int exponent = 0;
    return std::fabs(std::frexp(divisor, &exponent)) == 0.5 && std::fabs(divisor) >= least &&
           std::fabs(1 / divisor) >= least;
  });
  if (!are_powers) return false;
  for (double& divisor : divisors) divisor = 1 / divisor;
  return true;
}

}  // namespace binfeed
