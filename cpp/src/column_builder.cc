#include "column_builder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>

#include "big_endian.h"
#include "binfeed/checked.h"
#include "copy_errors.h"

namespace binfeed {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kNoSize = std::numeric_limits<std::size_t>::max();

std::string to_string(const ArrayShape& shape) {
  std::string text;
  for (std::size_t i = 0; i < shape.dimensions; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape.sizes[i]);
  return "(" + text + (shape.dimensions == 1 ? ",)" : ")");
}

// The bytes of an array: the number of dimensions, whether elements are NULL, the type of the elements; the size and
// the lower bound of each dimension; then the elements, each after its size.
class ArrayReader {
 public:
  explicit ArrayReader(Bytes field) : rest_(field) {}

  ArrayShape read_header(const CopyKindDescription& kind) {
    const std::int32_t dimensions = read_int32();
    if (dimensions < 0 || static_cast<std::size_t>(dimensions) > ArrayShape::kMaxDimensions) {
      fail_copy("an array of " + counted(std::int64_t{dimensions}, "dimension") + ", but there are at most " +
                std::to_string(ArrayShape::kMaxDimensions));
    }
    read_int32();  // whether elements are NULL shows when they are read
    require_type(static_cast<std::uint32_t>(read_int32()), kind);
    if (dimensions == 0) return {.dimensions = 1};
    ArrayShape shape{.dimensions = static_cast<std::size_t>(dimensions)};
    for (std::size_t i = 0; i < shape.dimensions; ++i) {
      shape.sizes[i] = read_int32();
      read_int32();  // the index of the first element
    }
    return shape;
  }

  // Their product is at most that of the bytes, because each element has at least the four of its size.
  std::size_t count_elements(const ArrayShape& shape) const {
    const std::size_t most = rest_.size() / sizeof(std::int32_t);
    std::size_t elements = 1;
    for (std::size_t i = 0; i < shape.dimensions; ++i) {
      if (shape.sizes[i] < 0) fail_copy("an array of the shape " + to_string(shape));
      elements *= std::min(static_cast<std::size_t>(shape.sizes[i]), most + 1);  // of numbers below 2^30
      if (elements > most) {
        fail_copy("an array of the shape " + to_string(shape) + ", but with only " + counted(rest_.size(), "byte") +
                  " for its elements");
      }
    }
    return elements;
  }

  void read_elements(const CopyKindDescription& kind, std::size_t count, std::byte* values) {
    for (std::size_t i = 0; i < count; ++i) read_element(kind, values + i * kind.value_bytes);
    if (!rest_.empty()) fail_copy(counted(rest_.size(), "byte") + " after the last element of an array");
  }

 private:
  static void require_type(std::uint32_t oid, const CopyKindDescription& kind) {
    constexpr std::uint32_t kFirstOfUsers = 16'384;  // such as domains of the same type
    if (oid != kind.oid && oid < kFirstOfUsers) {
      fail_copy("an array of elements of the type with OID " + std::to_string(oid) + ", but " + std::string(kind.name) +
                " has OID " + std::to_string(kind.oid));
    }
  }

  void read_element(const CopyKindDescription& kind, std::byte* value) {
    const std::int32_t size = read_int32();
    if (size == -1) {
      if (!kind.has_nan) fail_copy("an array with a NULL element, but " + std::string(kind.name) + " has no NaN");
      store_nan(kind, value);
    } else if (size < 0) {
      fail_copy("an array with an element of " + counted(std::int64_t{size}, "byte"));
    } else {
      read_field(kind, remove(static_cast<std::size_t>(size)), value);
    }
  }

  static void store_nan(const CopyKindDescription& kind, std::byte* value) {
    constexpr auto kNan32 = std::numeric_limits<float>::quiet_NaN();
    constexpr auto kNan64 = std::numeric_limits<double>::quiet_NaN();
    if (kind.value_bytes == sizeof kNan32) {
      std::memcpy(value, &kNan32, sizeof kNan32);
    } else {
      std::memcpy(value, &kNan64, sizeof kNan64);
    }
  }

  std::int32_t read_int32() { return load_big_endian<std::int32_t>(remove(sizeof(std::int32_t)).data()); }

  Bytes remove(std::size_t count) {
    if (count > rest_.size()) fail_copy("an array that ends too early");
    const Bytes removed = rest_.first(count);
    rest_ = rest_.subspan(count);
    return removed;
  }

  Bytes rest_;
};

}  // namespace

ColumnBuilder::ColumnBuilder(const CopyColumn& column)
    : name_(column.name),
      kind_(&description_of(column.kind)),
      is_array_(column.is_array),
      is_bytes_(column.kind == CopyKind::kBytes),
      value_bytes_(column.is_array ? 0 : kind_->value_bytes),
      field_bytes_(column.is_array || kind_->field_bytes == 0 ? kNoSize : kind_->field_bytes) {}

void ColumnBuilder::append_other(Bytes field) {
  if (is_array_) {
    append_array(field);
  } else if (is_bytes_) {
    *sizes_.extend(1) = static_cast<std::uint32_t>(field.size());
    std::copy(field.begin(), field.end(), values_.extend(field.size()));
  } else {
    read_field(*kind_, field, values_.extend(value_bytes_));
  }
}

void ColumnBuilder::append_array(Bytes field) {
  ArrayReader reader(field);
  const ArrayShape shape = reader.read_header(*kind_);
  const std::size_t elements = reader.count_elements(shape);
  if (shape != shape_.value_or(shape)) {
    fail_copy("an array of the shape " + to_string(shape) + ", but that of earlier rows is " + to_string(*shape_));
  }
  shape_ = shape;
  value_bytes_ = elements * kind_->value_bytes;
  reader.read_elements(*kind_, elements, values_.extend(value_bytes_));
}

void ColumnBuilder::check(std::uint64_t rows) const {
  checked_output_bytes(rows, value_bytes_, "column '" + name_ + "' (rows x bytes of each)");
}

CopyValues ColumnBuilder::take(std::uint64_t first, std::uint64_t rows) {
  CopyValues taken;
  const auto nulls =
      static_cast<std::size_t>(std::lower_bound(nulls_.begin(), nulls_.end(), first + rows) - nulls_.begin());
  if (nulls > 0) {
    taken.valid.assign(rows, 1);
    std::for_each_n(nulls_.begin(), nulls, [&](std::uint64_t row) { taken.valid[row - first] = 0; });
  }
  if (is_array_) {
    const ArrayShape shape = shape_.value_or(ArrayShape{.dimensions = 1});
    taken.shape.assign(shape.sizes.begin(), shape.sizes.begin() + shape.dimensions);
  }
  if (is_bytes_) {
    taken.sizes = sizes_.take(rows - nulls);
    taken.values = values_.take(std::reduce(taken.sizes.get(), taken.sizes.get() + (rows - nulls), std::size_t{0}));
  } else if (nulls == 0) {
    taken.values = values_.take(rows * value_bytes_);
  } else {
    taken.values = take_with_gaps(first, rows, nulls);
  }
  nulls_.drop(nulls);
  return taken;
}

// With zeros in the rows that are NULL.
Allocation<std::byte> ColumnBuilder::take_with_gaps(std::uint64_t first, std::uint64_t rows, std::size_t nulls) {
  Allocation<std::byte> values = allocate_zeros<std::byte>(rows * value_bytes_);
  const std::byte* from = values_.begin();
  std::uint64_t row = first;
  const auto copy_until = [&](std::uint64_t end) {
    const std::size_t bytes = (end - row) * value_bytes_;
    std::copy_n(from, bytes, values.get() + (row - first) * value_bytes_);
    from += bytes;
    row = end + 1;
  };
  std::for_each_n(nulls_.begin(), nulls, copy_until);
  copy_until(first + rows);
  values_.drop((rows - nulls) * value_bytes_);
  return values;
}

}  // namespace binfeed
