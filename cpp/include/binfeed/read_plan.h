// All that it takes to read batches elsewhere, in another process or on another machine that sees the same files, as
// bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "binfeed/layout.h"
#include "binfeed/mapped_file.h"
#include "binfeed/program.h"
#include "binfeed/sample_index.h"
#include "binfeed/schedule.h"

namespace binfeed {

// One array of a batch as a consumer takes it: its shape per sample, and what it is made of.
struct ArraySpec {
  std::vector<std::int64_t> shape;
  std::uint64_t item_bytes = 1;  // of one number or fixed string
  bool is_string = false;        // fixed strings, without the zeros at their end
};

// A file as it was when it was opened.
struct FileSpec {
  std::string path;
  FileIdentity identity = {};
};

struct ReadPlan {
  std::vector<FileSpec> files = {};
  Layout layout{};
  Window window{};
  Program program = {};
  std::vector<ArraySpec> arrays = {};  // one for each of its outputs
  ScheduleSpec schedule{};
};

// Throws kArgument, saying what is wrong, unless all numbers of a plan are in their ranges and fit together. What its
// features do to the records is left to DecodePlan, which throws likewise.
void validate(const ReadPlan& plan);

std::string to_bytes(const ReadPlan& plan);

// Throws kArgument for bytes that to_bytes did not write, that another version did, or that make no valid plan.
ReadPlan read_plan(std::string_view bytes);

}  // namespace binfeed
