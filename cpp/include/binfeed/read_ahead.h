// Which positions of an epoch to fetch ahead of those that are read: a bounded stretch, which moves on in steps.
#pragma once

#include <cstdint>
#include <mutex>

#include "binfeed/mapped_file.h"

namespace binfeed {

// Many threads may share one. Their reads need not be exactly in sequence.
class ReadAhead {
 public:
  // A sample spans `sample_bytes` bytes of the files. They are read in this pattern, at least `batch_size`
  // samples at a time.
  ReadAhead(std::int64_t sample_bytes, AccessPattern pattern, std::int64_t batch_size);

  struct Stretch {
    std::int64_t position;
    std::int64_t count;
  };
  // What to fetch before positions [position, position + count) of an epoch of `size` samples are read. Most calls
  // return an empty stretch.
  Stretch next(std::int64_t epoch, std::int64_t position, std::int64_t count, std::int64_t size);

 private:
  std::int64_t reach_;  // positions
  std::mutex mutex_;
  // The positions that were fetched so far.
  std::int64_t epoch_ = -1;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
};

}  // namespace binfeed
