// What a plan runs: passes over blocks of rows, from places to a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/kernels.h"

namespace binfeed {

// Where a value lies: in the rows of a source, in scratch memory, in the rows of an output, or once for all rows.
struct Place {
  enum class Area : std::uint8_t { kSource, kScratch, kOutput, kConstant };
  Area area = Area::kScratch;
  std::size_t index = 0;   // of the source, output or constant
  std::size_t offset = 0;  // in the row; of scratch memory, from its start
  std::size_t bytes = 0;   // of the value, per row
  std::size_t before = 0;  // rows that scratch memory holds before those of the block
};

// A value that a pass reads.
struct Input {
  std::size_t place = 0;
  std::size_t lag = 0;  // how many rows before its own it is
  std::size_t bytes = 0;  // per element
  bool is_single = false;  // one element, which stands for all
};

// Runs one loop over a block.
struct Pass {
  std::function<void(const kernels::Block&)> loop;
  std::vector<Input> inputs = {};
  std::size_t target = 0;  // a place
  std::size_t elements = 0;  // per row
  std::size_t target_bytes = 0;  // per element
  // Rows before those of the block for which it also runs, because later rows look back at them.
  std::size_t before = 0;
  // The number of rows at the start of a file that it fills.
  std::size_t fills = 0;
  // Whether it treats all elements of a row alike, so that adjacent rows can be processed as one.
  bool is_uniform = true;
  // Whether it only closes gaps between rows. If there are none, it is skipped and its target is its source.
  bool closes_gaps = false;
};

}  // namespace binfeed
