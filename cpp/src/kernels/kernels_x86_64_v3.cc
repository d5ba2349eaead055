// The loops for x86-64-v3 (AVX2).
#include "kernels/kernels.h"
#include "kernels/standard_headers.h"

#if defined(__x86_64__)
#define BINFEED_KERNELS kX86_64_v3
#define BINFEED_TARGET "arch=x86-64-v3"
#define BINFEED_FUSES_MULTIPLY_ADD true
#include "kernels/instruction_set.inc"
#endif
