// Arithmetic on numbers that come from users, files and plans. A result that does not fit is an error that names both
// operands, never a wrong number.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "binfeed/status.h"

namespace binfeed {

// The largest size of a file, a record or an epoch. The sum of two such sizes always fits.
inline constexpr std::int64_t kMaxSize = std::int64_t{1} << 62;

// The most bytes of a row of an output, or of a batch: a guard against mistakes, far beyond what memory holds.
inline constexpr std::uint64_t kMaxBatchBytes = std::uint64_t{1} << 40;

inline void require(bool holds, const std::string& message) {
  if (!holds) throw Error(ErrorKind::kArgument, message);
}

namespace detail {

template <std::integral T>
[[noreturn]] void fail_overflow(T a, T b, const char* operation, std::string_view what) {
  throw Error(ErrorKind::kArgument,
              std::string(what) + ": " + std::to_string(a) + operation + std::to_string(b) + " is too large");
}

}  // namespace detail

// `what` names the result, for the message.
template <std::integral T>
T checked_add(T a, std::type_identity_t<T> b, std::string_view what) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) detail::fail_overflow(a, b, " + ", what);
  return sum;
}

template <std::integral T>
T checked_multiply(T a, std::type_identity_t<T> b, std::string_view what) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) detail::fail_overflow(a, b, " x ", what);
  return product;
}

// a * b bytes of output.
inline std::uint64_t checked_output_bytes(std::uint64_t a, std::uint64_t b, std::string_view what) {
  const std::uint64_t bytes = checked_multiply(a, b, what);
  if (bytes > kMaxBatchBytes) detail::fail_overflow(a, b, " x ", what);
  return bytes;
}

}  // namespace binfeed
