// Runs a plan over rows.
#pragma once

#include <cstddef>
#include <span>

#include "binfeed/decode_plan.h"

namespace binfeed {

// Rows of a source, such as records of a file: `stride` bytes from one to the next.
struct Rows {
  const std::byte* first;
  std::size_t stride;
};

// Decodes `count` rows of each source. Row i of outputs[k] is written at outputs[k] + i * plan.row_bytes()[k]. Reads no
// byte of a row that no step loads.
void decode(const DecodePlan& plan, std::span<const Rows> sources, std::size_t count,
            std::span<std::byte* const> outputs);

// While one lives, this thread computes with subnormal numbers as IEEE 754 says. TensorFlow's threads flush them to
// zero, and the results must not depend on who calls.
class DefaultFloatingPoint {
 public:
  DefaultFloatingPoint();
  ~DefaultFloatingPoint();
  DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
  DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;

 private:
  unsigned long long saved_;
};

}  // namespace binfeed
