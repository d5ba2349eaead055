// Checks a condition. If it does not hold, prints it and ends the process.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition) ((condition) ? void() : binfeed::tests::fail_check(#condition, __FILE__, __LINE__))

namespace binfeed::tests {

[[noreturn]] inline void fail_check(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace binfeed::tests
