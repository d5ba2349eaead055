// What the kernels use of the standard library, included before any target region begins: code of these headers must
// not be compiled for an instruction set that the machine may lack.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>
