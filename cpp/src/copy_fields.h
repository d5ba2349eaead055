// The fields of the rows that PostgreSQL sends, and what their bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "binfeed/copy_parser.h"

namespace binfeed {

struct CopyKindDescription {
  std::string_view name;
  std::size_t field_bytes;  // 0 if they differ
  std::size_t value_bytes;
  std::optional<ElementType> value_type;
  std::uint32_t oid;  // of PostgreSQL's type, as the element type of an array; 0 if there are no arrays of this kind
  bool has_nan;       // in place of NULL elements of arrays

  // Writes the value of a field that has `field_bytes`. Throws kData, or kArgument for numbers that do not fit. There
  // is none for kBytes.
  void (*read)(std::span<const std::byte> field, std::byte* value);
};

const CopyKindDescription& description_of(CopyKind kind);

// Checks the number of bytes first.
void read_field(const CopyKindDescription& kind, std::span<const std::byte> field, std::byte* value);

}  // namespace binfeed
