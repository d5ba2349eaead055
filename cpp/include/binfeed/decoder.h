// Runs a plan over rows.
#pragma once

#include <cstddef>
#include <span>

#include "binfeed/decode_plan.h"

namespace binfeed {

// Rows of a source, such as records of a file, `stride` bytes apart. Before the first are `before` more rows: the
// records of the file up to it.
struct Rows {
  const std::byte* first;
  std::size_t stride;
  std::size_t before = 0;
};

// Decodes `count` rows of each source. Row i of output k is written at outputs[k] + i * plan.row_bytes()[k]. Reads only
// those bytes of a row that a step loads. A plan that looks back needs rows that are `stride` bytes apart in the file
// as well; where there are no rows before, it takes bytes of 0 for them.
void decode(const DecodePlan& plan, std::span<const Rows> sources, std::size_t count,
            std::span<std::byte* const> outputs);

// While an object of this class exists, its thread computes with subnormal numbers as IEEE 754 defines. TensorFlow's
// threads flush them to zero, but results must not depend on the caller.
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
