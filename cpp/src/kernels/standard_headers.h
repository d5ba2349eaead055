// The headers of the standard library that the kernels need. They are included before any target region begins, because
// their code must not be compiled for an instruction set that the machine may lack.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>
