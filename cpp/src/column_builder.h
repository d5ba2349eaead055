// Puts the fields of a column of COPY together, row by row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "binfeed/copy_parser.h"
#include "copy_fields.h"

namespace binfeed {

// The shape of an array, filled up with zeros.
struct ArrayShape {
  static constexpr std::size_t kMaxDimensions = 6;  // as in PostgreSQL

  std::size_t dimensions = 0;
  std::array<std::int64_t, kMaxDimensions> sizes{};

  bool operator==(const ArrayShape&) const = default;
};

class ColumnBuilder {
 public:
  explicit ColumnBuilder(const CopyColumn& column);

  const std::string& name() const { return name_; }

  // Throws kData if the field is wrong, or kArgument if its number does not fit. Nothing can be appended after that.
  void append(std::span<const std::byte> field) {
    if (field.size() == field_bytes_) {
      kind_->read(field, values_.extend(value_bytes_));
    } else {
      append_other(field);
    }
  }
  void append_null(std::uint64_t row) { *nulls_.extend(1) = row; }

  // Throws kArgument if so many rows need more than kMaxBatchBytes.
  void check(std::uint64_t rows) const;

  // The next rows, of which `first` is the number. All of them must have been appended.
  CopyValues take(std::uint64_t first, std::uint64_t rows);

 private:
  void append_other(std::span<const std::byte> field);
  void append_array(std::span<const std::byte> field);
  Allocation<std::byte> take_with_gaps(std::uint64_t first, std::uint64_t rows, std::size_t nulls);

  std::string name_;
  const CopyKindDescription* kind_;
  bool is_array_;
  bool is_bytes_;
  std::optional<ArrayShape> shape_;
  std::size_t value_bytes_;       // of a row
  std::size_t field_bytes_;       // of a field
  Queue<std::byte> values_;       // of rows that are not NULL
  Queue<std::uint32_t> sizes_;    // of these, for kBytes
  Queue<std::uint64_t> nulls_;    // the numbers of the other rows
};

}  // namespace binfeed
