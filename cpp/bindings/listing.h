// The steps of a program, for people to read.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "binfeed/program.h"

namespace binfeed::bindings {

// Number, operation, argument, numbers of the inputs, type and number of elements.
using ListedStep =
    std::tuple<std::uint32_t, std::string, std::string, std::vector<std::uint32_t>, std::string, std::uint64_t>;

// The steps that outputs need, of which equal ones are listed once.
std::vector<ListedStep> listed_steps(const Program& program);

// The numbers of the steps that each output is made of.
std::vector<std::vector<std::uint32_t>> listed_outputs(const Program& program);

}  // namespace binfeed::bindings
