#include "load.h"

#include <algorithm>
#include <string>

#include "binfeed/checked.h"

namespace binfeed {

std::uint64_t extent(const Load& load) {
  const std::size_t bytes = element_bytes(load.type);
  if (load.packing.packing != Packing::kNone) {
    const std::uint64_t bits = checked_multiply(load.packing.elements, load.packing.bits, "bits of a packed field");
    return bits / 8 + (bits % 8 > 0 ? 1 : 0);
  }
  if (load.offsets.empty()) return checked_multiply(load.elements, bytes, "bytes of a field");
  return *std::max_element(load.offsets.begin(), load.offsets.end()) + bytes;
}

void require_packing(const Load& load) {
  const PackingSpec& packing = load.packing;
  const std::size_t bytes = element_bytes(load.type);
  const bool is_pair = packing.packing == Packing::kWfdb212;
  require(
      packing.bits > 0 && packing.bits <= 16 && (!is_pair || packing.bits == 12) &&
          bytes == (packing.bits <= 8 ? 1u : 2u),
      "packed numbers of " + std::to_string(packing.bits) + " bits do not fit " + std::string(element_name(load.type)));
  require(!load.is_swapped, "packed numbers have no byte order of their own");
  if (load.offsets.empty()) {
    require(load.elements == packing.elements,
            "a load must take all packed numbers of its field, or list some of them");
    return;
  }
  for (const std::uint32_t offset : load.offsets) {
    require(offset % bytes == 0 && offset / bytes < packing.elements, "a load lists packed numbers that do not exist");
  }
}

std::size_t planes_of(std::span<const std::uint32_t> offsets, std::size_t bytes) {
  const auto second = std::find(offsets.begin(), offsets.end(), bytes);
  const auto planes = static_cast<std::size_t>(second - offsets.begin());
  if (second == offsets.end() || planes < 2 || offsets.size() % planes != 0) return 0;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] != (i % planes) * offsets[1] + (i / planes) * bytes) return 0;
  }
  return planes;
}

bool are_contiguous(std::span<const std::uint32_t> offsets, std::size_t bytes) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] != offsets[0] + i * bytes) return false;
  }
  return true;
}

}  // namespace binfeed
