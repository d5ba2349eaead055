// A hash table from keys, which are all of one size, to codes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "binfeed/program.h"
#include "kernels/kernels.h"

namespace binfeed {

class CodeTable {
 public:
  explicit CodeTable(const Codes& codes);

  // Turns each key of the block into its code, an int32.
  void look_up(const kernels::Block& block) const;

 private:
  std::int32_t code_of(const std::uint64_t* key) const;
  std::size_t slot_of(const std::uint64_t* key) const;
  bool is_equal(const std::uint64_t* key, std::size_t number) const;

  std::size_t key_bytes_;
  std::size_t words_;  // of a key
  std::int32_t otherwise_;
  std::vector<std::uint64_t> keys_;
  std::vector<std::int32_t> codes_;
  // The number of a key, counted from 1, where the search for its hash ends; 0 for none. A power of two of them.
  std::vector<std::uint32_t> slots_;
  std::array<std::int32_t, 256> of_byte_{};  // the codes of keys of one byte
};

}  // namespace binfeed
