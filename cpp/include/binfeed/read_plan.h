// Everything needed to read batches, as bytes: for another process, or another machine with the same files.
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

// One array of a batch as the consumer sees it: its shape per sample, and its items.
struct ArraySpec {
  std::vector<std::int64_t> shape;
  std::uint64_t item_bytes = 1;  // of one number or fixed string
  bool is_string = false;        // whether items are fixed strings, from which trailing zeros are removed
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
  std::vector<ArraySpec> arrays = {};  // one per output of the program
  ScheduleSpec schedule{};
};

// Throws kArgument, saying what is wrong, unless all numbers of a plan are in range and fit together. DecodePlan checks
// what the program does with the records.
void validate(const ReadPlan& plan);

std::string to_bytes(const ReadPlan& plan);

// Throws kArgument if the bytes are not those of a plan, were written by another version, or make an invalid plan.
ReadPlan read_plan(std::string_view bytes);

}  // namespace binfeed
