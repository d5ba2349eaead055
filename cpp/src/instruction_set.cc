#include "binfeed/instruction_set.h"

#include <cstdlib>

#include "binfeed/status.h"
#include "kernels/kernels.h"

namespace binfeed {
namespace {

struct InstructionSet {
  std::string_view name;
  const kernels::Kernels* kernels;
  bool (*is_supported)();
};

// In order from the most basic to the best.
constexpr InstructionSet kInstructionSets[] = {
    {"baseline", &kernels::kBaseline, [] { return true; }},
#if defined(__x86_64__)
    {"x86-64-v3", &kernels::kX86_64_v3,
     [] {
       __builtin_cpu_init();
       return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2");
     }},
    {"x86-64-v4", &kernels::kX86_64_v4,
     [] {
       __builtin_cpu_init();
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
     }},
#endif
};

template <typename Wanted>
std::vector<std::string> names_where(Wanted wanted) {
  std::vector<std::string> names;
  for (const InstructionSet& set : kInstructionSets) {
    if (wanted(set)) names.emplace_back(set.name);
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::vector<std::string> compiled_instruction_sets() {
  return names_where([](const InstructionSet&) { return true; });
}

std::vector<std::string> supported_instruction_sets() {
  return names_where([](const InstructionSet& set) { return set.is_supported(); });
}

std::string default_instruction_set() {
  const char* forced = std::getenv("BINFEED_INSTRUCTION_SET");
  if (forced == nullptr || *forced == '\0') return supported_instruction_sets().back();
  kernels_of(forced);
  return forced;
}

const kernels::Kernels& kernels_of(std::string_view instruction_set) {
  for (const InstructionSet& set : kInstructionSets) {
    if (set.name == instruction_set && set.is_supported()) return *set.kernels;
  }
  throw Error(ErrorKind::kArgument, "the instruction set '" + std::string(instruction_set) +
                                        "' is unknown or not supported by this machine, which supports " +
                                        joined(supported_instruction_sets()));
}

}  // namespace binfeed
