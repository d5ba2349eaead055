// Which batches are read together: several for each element that passes from one thread to another.
#pragma once

#include <cstdint>

#include "binfeed/schedule.h"

namespace binfeed {

// Cuts `batches` batches of a schedule, which are `first`, `first + step`, ..., into chunks of up to `size` batches.
// All batches of a chunk have the same number of samples. If `step` is 1, they also belong to one epoch.
class Chunks {
 public:
  // Throws kArgument for numbers out of range.
  Chunks(const Schedule& schedule, std::int64_t first, std::int64_t step, std::int64_t batches, std::int64_t size);

  std::int64_t count() const { return count_; }

  // The most batches that a chunk has: 1 if no two batches can be read together.
  std::int64_t size() const { return size_; }

  struct Chunk {
    std::int64_t first;    // number of its first batch; the next one is `step` later
    std::int64_t batches;  // how many
  };
  // Throws kIndex if there is no such chunk.
  Chunk at(std::int64_t number) const;

 private:
  // Batches are numbered by place, consecutively from `begin_` on. Places form periods of equal length: an epoch each,
  // or one period of all batches.
  std::int64_t first_place_of(std::int64_t chunk) const;
  std::int64_t chunk_of(std::int64_t place) const;

  std::int64_t first_;
  std::int64_t step_;
  std::int64_t size_;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::int64_t period_ = 1;
  bool ends_alone_ = false;  // whether the last batch of a period may be smaller, and so is a chunk of its own
  std::int64_t per_period_ = 1;  // chunks
  std::int64_t count_ = 0;
};

}  // namespace binfeed
