// Which batches are read together: a few for each element that passes from one thread to another.
#pragma once

#include <cstdint>

#include "binfeed/schedule.h"

namespace binfeed {

// Batches `first`, `first + step`, ... of a schedule, `batches` of them, up to `size` at a time. All batches of a chunk
// have equally many samples; if they follow each other (`step` is 1), they are of one epoch.
class Chunks {
 public:
  // Throws kArgument for numbers out of range.
  Chunks(const Schedule& schedule, std::int64_t first, std::int64_t step, std::int64_t batches, std::int64_t size);

  std::int64_t count() const { return count_; }

  // How many batches a chunk has at most: 1 if there are none that could be together.
  std::int64_t size() const { return size_; }

  struct Chunk {
    std::int64_t first;    // number of its first batch; the next one is `step` later
    std::int64_t batches;  // how many
  };
  // Throws kIndex where there is no such chunk.
  Chunk at(std::int64_t number) const;

 private:
  // Batches have places, one after the other from `begin_` on, in periods that repeat: an epoch, or all that there are.
  std::int64_t first_place_of(std::int64_t chunk) const;
  std::int64_t chunk_of(std::int64_t place) const;

  std::int64_t first_;
  std::int64_t step_;
  std::int64_t size_;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::int64_t period_ = 1;
  bool ends_alone_ = false;  // the last batch of each period, which may be smaller, is a chunk of its own
  std::int64_t per_period_ = 1;
  std::int64_t count_ = 0;
};

}  // namespace binfeed
