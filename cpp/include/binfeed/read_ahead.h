// Which positions of an epoch to have fetched ahead of those that are read: a bounded stretch, asked for in steps.
#pragma once

#include <cstdint>
#include <mutex>

#include "binfeed/mapped_file.h"

namespace binfeed {

// Safe from many threads, whose reads need not come quite in sequence.
class ReadAhead {
 public:
  // A sample reaches over `sample_bytes` bytes of the files, which are read in this pattern, at least `batch_size`
  // samples at a time.
  ReadAhead(std::int64_t sample_bytes, AccessPattern pattern, std::int64_t batch_size);

  struct Stretch {
    std::int64_t position;
    std::int64_t count;
  };
  // What to ask for before positions [position, position + count) of an epoch of `size` are read: mostly nothing.
  Stretch next(std::int64_t epoch, std::int64_t position, std::int64_t count, std::int64_t size);

 private:
  std::int64_t reach_;  // positions
  std::mutex mutex_;
  // What was asked for so far.
  std::int64_t epoch_ = -1;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
};

}  // namespace binfeed
