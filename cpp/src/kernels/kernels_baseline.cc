// The loops for what every machine of this architecture has: SSE2 on x86-64, NEON on arm64.
#include "kernels/kernels.h"
#include "kernels/standard_headers.h"

namespace binfeed::kernels {
namespace baseline {
namespace {
#if defined(__aarch64__)
constexpr bool kFusesMultiplyAdd = true;
#else
constexpr bool kFusesMultiplyAdd = false;  // a function would do it
#endif
#include "kernels/feistel.inc"
#include "kernels/numeric.inc"
#include "kernels/kernel_bodies.inc"
}  // namespace
}  // namespace baseline

constinit const Kernels kBaseline = baseline::make_kernels(std::make_index_sequence<kElementTypes>{});

}  // namespace binfeed::kernels
