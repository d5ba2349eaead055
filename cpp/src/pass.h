// What a plan runs: passes over blocks of rows, from one place to another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "kernels/kernels.h"

namespace binfeed {

// Where a value lies: in the rows of a source, in scratch memory, or in the rows of an output.
struct Place {
  enum class Area : std::uint8_t { kSource, kScratch, kOutput };
  Area area = Area::kScratch;
  std::size_t index = 0;   // of the source or output
  std::size_t offset = 0;  // in the row; in scratch memory, in bytes per record
  std::size_t bytes = 0;   // of the value, per row
};

// Runs one loop over a block.
struct Pass {
  std::function<void(const kernels::Block&)> loop;
  std::size_t source = 0;  // places
  std::size_t target = 0;
  std::optional<std::size_t> other = {};  // of the second input
  std::size_t elements = 0;      // per row
  std::size_t source_bytes = 0;  // per element
  std::size_t target_bytes = 0;
  // Whether it treats all elements of a row alike, so that adjacent rows can be processed as one.
  bool is_uniform = true;
  // Whether it only closes gaps between rows. If there are none, it is skipped and its target is its source.
  bool closes_gaps = false;
};

}  // namespace binfeed
