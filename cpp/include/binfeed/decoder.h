// Runs a plan over records.
#pragma once

#include <cstddef>
#include <span>

#include "binfeed/decode_plan.h"

namespace binfeed {

// Decodes `count` records that lie `stride` bytes apart. Row i of outputs[k] is written at
// outputs[k] + i * plan.outputs()[k].row_bytes. Reads no byte outside [used_begin, used_end) of a record.
void decode(const DecodePlan& plan, const std::byte* records, std::size_t stride, std::size_t count,
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
