// What is done to single values, and to pairs of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace binfeed {

// Functions of one value. All but the last group compute in the compute type of the value.
enum class Function : std::uint8_t {
  kSqrt,
  kExp,
  kLog,
  kLog2,
  kLog10,
  kLog1p,
  kSin,
  kCos,
  kTanh,
  // In the type of the value, where halves take part as float32:
  kAbs,     // the lowest signed integer becomes the highest
  kSign,    // -1, 0 or 1; NaN stays NaN
  kFloor,   // these three leave integers as they are
  kCeil,
  kRound,   // to the nearest whole number, ties to even
  kInvert,  // each bit of an integer; true and false
};
inline constexpr auto kFunctionNames =
    std::to_array<std::string_view>({"sqrt", "exp", "log", "log2", "log10", "log1p", "sin", "cos", "tanh", "abs",
                                     "sign", "floor", "ceil", "round", "invert"});
inline constexpr std::size_t kFunctions = kFunctionNames.size();
static_assert(kFunctions == static_cast<std::size_t>(Function::kInvert) + 1);
constexpr bool is_in_compute_type(Function function) { return function <= Function::kTanh; }

// Combinations of two values.
enum class Combination : std::uint8_t {
  // Arithmetic. Two integers (a bool counts as one) give the exact result, limited to the range of int64. All other
  // values are first converted to the wider of their compute types. An integer divided by zero leaves 0.
  kAdd,
  kSubtract,
  kMultiply,
  kFloorDivide,
  kRemainder,  // has the sign of the divisor
  // Arithmetic that always computes in the wider of the compute types.
  kDivide,
  kPower,
  // Of two values of one type, and in that type. NaN wins.
  kMinimum,
  kMaximum,
  // Of two values of one type, or of two integers. The result is a bool.
  kEqual,
  kLess,
  kLessEqual,
  // Of two integers of one type, or of two bools.
  kAnd,
  kOr,
  kXor,
};
inline constexpr auto kCombinationNames =
    std::to_array<std::string_view>({"add", "subtract", "multiply", "floor_divide", "remainder", "divide", "power",
                                     "minimum", "maximum", "equal", "less", "less_equal", "and", "or", "xor"});
inline constexpr std::size_t kCombinations = kCombinationNames.size();
static_assert(kCombinations == static_cast<std::size_t>(Combination::kXor) + 1);
constexpr bool is_exact_on_integers(Combination combination) { return combination <= Combination::kRemainder; }
constexpr bool is_arithmetic(Combination combination) { return combination <= Combination::kPower; }
constexpr bool is_comparison(Combination combination) {
  return combination >= Combination::kEqual && combination <= Combination::kLessEqual;
}
constexpr bool is_bitwise(Combination combination) { return combination >= Combination::kAnd; }

}  // namespace binfeed
