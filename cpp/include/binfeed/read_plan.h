// All that it takes to read batches elsewhere, in another process or on another machine that sees the same files, as
// bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "binfeed/decode_plan.h"
#include "binfeed/layout.h"
#include "binfeed/sample_index.h"
#include "binfeed/schedule.h"

namespace binfeed {

// One array of a batch as a consumer takes it: its shape per sample, and the width of fixed strings, else 0.
struct ArraySpec {
  std::vector<std::int64_t> shape;
  std::int64_t string_bytes = 0;
};

// A file as it was when the plan was made.
struct FileSpec {
  std::string path;
  std::uint64_t size = 0;
};

struct ReadPlan {
  std::vector<FileSpec> files;
  Layout layout{};
  Window window{};
  std::vector<OutputSpec> outputs;
  std::vector<ArraySpec> arrays;  // one for each of them
  ScheduleSpec schedule{};
};

std::string to_bytes(const ReadPlan& plan);

// Throws kArgument for bytes that to_bytes did not write, or that another version did.
ReadPlan read_plan(std::string_view bytes);

}  // namespace binfeed
