// The loops for x86-64-v4 (AVX-512).
#include "kernels/kernels.h"
#include "kernels/standard_headers.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#endif

namespace binfeed::kernels {
namespace x86_64_v4 {
namespace {
constexpr bool kFusesMultiplyAdd = true;
#include "kernels/feistel.inc"
#include "kernels/numeric.inc"
#include "kernels/kernel_bodies.inc"
}  // namespace
}  // namespace x86_64_v4
}  // namespace binfeed::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace binfeed::kernels {

constinit const Kernels kX86_64_v4 = x86_64_v4::make_kernels(std::make_index_sequence<kElementTypes>{});

}  // namespace binfeed::kernels

#endif
