// The loops for the instructions that every machine of this architecture has: SSE2 on x86-64, NEON on arm64.
#include "kernels/kernels.h"
#include "kernels/standard_headers.h"

#define BINFEED_KERNELS kBaseline
#if defined(__aarch64__)
#define BINFEED_FUSES_MULTIPLY_ADD true
#else
#define BINFEED_FUSES_MULTIPLY_ADD false
#endif
#include "kernels/instruction_set.inc"
