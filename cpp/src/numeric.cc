#include "numeric.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "big_endian.h"
#include "copy_errors.h"

namespace binfeed {
namespace {

// Four numbers of 16 bits come first: how many digits there are, the power of 10,000 of the first of them, the sign,
// and how many decimals are shown, which does not change the value. The digits follow, each from 0 to 9,999.
constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint16_t kPositive = 0x0000;
constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNan = 0xc000;
constexpr std::uint16_t kPlusInfinity = 0xd000;
constexpr std::uint16_t kMinusInfinity = 0xf000;

constexpr int kDecimals = 4;  // of a digit
constexpr std::uint16_t kBase = 10'000;

std::uint16_t digit_at(const std::byte* digits, std::size_t index) {
  const auto digit = load_big_endian<std::uint16_t>(digits + 2 * index);
  if (digit >= kBase) fail_copy("a numeric with the digit " + std::to_string(digit) + ", but they are from 0 to 9999");
  return digit;
}

constexpr std::int64_t kMaxExactPower = 22;
constexpr auto kPowersOfTen = [] {
  std::array<double, kMaxExactPower + 1> powers{};
  double power = 1;
  for (double& each : powers) {
    each = power;
    power *= 10;
  }
  return powers;
}();

// Whether integer * 10^exponent, or its quotient by a power, is one operation on numbers that float64 holds exactly,
// and so is rounded once.
bool is_one_operation(std::uint64_t integer, std::int64_t exponent) {
  constexpr std::uint64_t kMaxExactInteger = std::uint64_t{1} << std::numeric_limits<double>::digits;
  return integer <= kMaxExactInteger && exponent >= -kMaxExactPower && exponent <= kMaxExactPower;
}

// By way of decimal text, without a point, which would depend on the locale. A float64 depends on at most 768 decimals,
// and on whether any that is not zero follows.
double nearest_of_many(const std::byte* digits, std::size_t count, std::int64_t weight) {
  constexpr std::size_t kMaxDigits = 196;
  std::array<char, kMaxDigits * kDecimals + 32> text;  // with room for the exponent
  const std::size_t used = std::min(count, kMaxDigits);
  char* next = text.data();
  for (std::size_t i = 0; i < used; ++i) {
    std::uint32_t digit = digit_at(digits, i);
    for (int k = kDecimals; k-- > 0; digit /= 10) next[k] = static_cast<char>('0' + digit % 10);
    next += kDecimals;
  }
  bool is_exact = true;
  for (std::size_t i = used; i < count; ++i) is_exact &= digit_at(digits, i) == 0;
  *next++ = is_exact ? '0' : '1';
  const std::int64_t exponent = kDecimals * (weight - static_cast<std::int64_t>(used) + 1) - 1;
  *next++ = 'e';
  *std::to_chars(next, text.data() + text.size(), exponent).ptr = '\0';
  return std::strtod(text.data(), nullptr);
}

double magnitude(const std::byte* digits, std::size_t count, std::int64_t weight) {
  constexpr std::size_t kMaxFewDigits = 4;  // 16 decimals
  if (count > kMaxFewDigits) return nearest_of_many(digits, count, weight);
  std::uint64_t integer = 0;
  for (std::size_t i = 0; i < count; ++i) integer = integer * kBase + digit_at(digits, i);
  if (integer == 0) return 0;
  const std::int64_t exponent = kDecimals * (weight - static_cast<std::int64_t>(count) + 1);
  if (!is_one_operation(integer, exponent)) return nearest_of_many(digits, count, weight);
  const auto exact = static_cast<double>(integer);
  const double power = kPowersOfTen[static_cast<std::size_t>(std::abs(exponent))];
  return exponent < 0 ? exact / power : exact * power;
}

}  // namespace

double numeric_to_double(std::span<const std::byte> bytes) {
  using Limits = std::numeric_limits<double>;
  const std::size_t size = bytes.size();
  if (size < kHeaderBytes)
    fail_copy(counted(size, "byte") + ", but a numeric has at least " + std::to_string(kHeaderBytes));
  const auto count = load_big_endian<std::int16_t>(bytes.data());
  const auto weight = load_big_endian<std::int16_t>(bytes.data() + 2);
  const auto sign = load_big_endian<std::uint16_t>(bytes.data() + 4);
  if (count < 0) fail_copy("a numeric of " + counted(std::int64_t{count}, "digit"));
  const std::size_t expected = kHeaderBytes + 2 * static_cast<std::size_t>(count);
  if (size != expected) {
    fail_copy(counted(size, "byte") + ", but a numeric of " + counted(std::int64_t{count}, "digit") + " has " +
              std::to_string(expected));
  }
  const std::byte* const digits = bytes.data() + kHeaderBytes;
  switch (sign) {
    case kPositive:
      return magnitude(digits, static_cast<std::size_t>(count), weight);
    case kNegative:
      return -magnitude(digits, static_cast<std::size_t>(count), weight);
    case kNan:
      return Limits::quiet_NaN();
    case kPlusInfinity:
      return Limits::infinity();
    case kMinusInfinity:
      return -Limits::infinity();
    default:
      fail_copy("a numeric with the unknown sign " + hexadecimal(sign));
  }
}

}  // namespace binfeed
