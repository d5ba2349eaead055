#include "copy_fields.h"

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "big_endian.h"
#include "binfeed/checked.h"
#include "copy_errors.h"
#include "numeric.h"

namespace binfeed {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t kLargestInt32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kSmallestInt32 = std::numeric_limits<std::int32_t>::min();

// PostgreSQL counts from 2000-01-01.
constexpr std::int64_t kDaysFrom1970 = 10'957;
constexpr std::int64_t kMicrosecondsOfDay = 86'400'000'000;

template <typename Number>
void store(std::byte* to, Number number) {
  std::memcpy(to, &number, sizeof number);
}

template <typename Number>
void read_number(Bytes field, std::byte* value) {
  store(value, load_big_endian<Number>(field.data()));
}

void read_bool(Bytes field, std::byte* value) {
  if (field[0] > std::byte{1}) {
    fail_copy("the bool " + std::to_string(std::to_integer<int>(field[0])) + ", but it must be 0 or 1");
  }
  *value = field[0];
}

void read_numeric(Bytes field, std::byte* value) { store(value, numeric_to_double(field)); }

void read_date(Bytes field, std::byte* value) {
  const auto days = load_big_endian<std::int32_t>(field.data());
  std::int64_t since_1970 = days + kDaysFrom1970;
  if (days == kLargestInt32) since_1970 = kLargest;
  if (days == kSmallestInt32) since_1970 = kSmallest;
  store(value, since_1970);
}

void read_timestamp(Bytes field, std::byte* value) {
  auto microseconds = load_big_endian<std::int64_t>(field.data());
  if (microseconds != kLargest && microseconds != kSmallest) {
    microseconds = checked_add(microseconds, kDaysFrom1970 * kMicrosecondsOfDay, "microseconds since 1970");
  }
  store(value, microseconds);
}

struct Interval {
  std::int64_t microseconds;
  std::int32_t days;
  std::int32_t months;

  bool operator==(const Interval&) const = default;
};

// PostgreSQL has them since version 17.
constexpr Interval kInfinity{kLargest, kLargestInt32, kLargestInt32};
constexpr Interval kMinusInfinity{kSmallest, kSmallestInt32, kSmallestInt32};

std::int64_t microseconds_of(const Interval& interval) {
  if (interval == kInfinity) return kLargest;
  if (interval == kMinusInfinity) return kSmallest;
  if (interval.months != 0) {
    fail_copy("an interval of " + counted(std::int64_t{interval.months}, "month") +
              ": months have no fixed length; select extract(epoch from ...) instead");
  }
  const std::int64_t days = checked_multiply(std::int64_t{interval.days}, kMicrosecondsOfDay, "microseconds of days");
  return checked_add(interval.microseconds, days, "microseconds of an interval");
}

void read_interval(Bytes field, std::byte* value) {
  store(value, microseconds_of({.microseconds = load_big_endian<std::int64_t>(field.data()),
                                .days = load_big_endian<std::int32_t>(field.data() + 8),
                                .months = load_big_endian<std::int32_t>(field.data() + 12)}));
}

void read_uuid(Bytes field, std::byte* value) { std::memcpy(value, field.data(), field.size()); }

// In the order of the enumerators.
constexpr auto kDescriptions = std::to_array<CopyKindDescription>({
    {"bool", 1, 1, ElementType::kBool, 16, false, &read_bool},
    {"int16", 2, 2, ElementType::kInt16, 21, false, &read_number<std::int16_t>},
    {"int32", 4, 4, ElementType::kInt32, 23, false, &read_number<std::int32_t>},
    {"int64", 8, 8, ElementType::kInt64, 20, false, &read_number<std::int64_t>},
    {"uint32", 4, 4, ElementType::kUint32, 0, false, &read_number<std::uint32_t>},
    {"float32", 4, 4, ElementType::kFloat32, 700, true, &read_number<float>},
    {"float64", 8, 8, ElementType::kFloat64, 701, true, &read_number<double>},
    {"numeric", 0, 8, ElementType::kFloat64, 1700, true, &read_numeric},
    {"date", 4, 8, ElementType::kInt64, 0, false, &read_date},
    {"time", 8, 8, ElementType::kInt64, 0, false, &read_number<std::int64_t>},
    {"timestamp", 8, 8, ElementType::kInt64, 0, false, &read_timestamp},
    {"interval", 16, 8, ElementType::kInt64, 0, false, &read_interval},
    {"uuid", 16, 16, std::nullopt, 0, false, &read_uuid},
    {"bytes", 0, 0, std::nullopt, 0, false, nullptr},
});
static_assert(kDescriptions.size() == kCopyKinds);

std::string names_of_kinds() {
  std::string names;
  for (const CopyKindDescription& kind : kDescriptions) {
    if (!names.empty()) names += ", ";
    names += kind.name;
    if (kind.oid != 0) names += std::string(", ") + std::string(kind.name) + "[]";
  }
  return names;
}

}  // namespace

CopyColumn copy_column(std::string name, std::string_view kind) {
  constexpr std::string_view kSuffix = "[]";
  const bool is_array = kind.ends_with(kSuffix);
  const std::string_view element = is_array ? kind.substr(0, kind.size() - kSuffix.size()) : kind;
  for (std::size_t i = 0; i < kCopyKinds; ++i) {
    const CopyKindDescription& description = kDescriptions[i];
    if (description.name == element && (!is_array || description.oid != 0)) {
      return {std::move(name), static_cast<CopyKind>(i), is_array};
    }
  }
  throw Error(ErrorKind::kArgument,
              "column '" + name + "' cannot be of the kind '" + std::string(kind) + "'; there are " + names_of_kinds());
}

std::optional<ElementType> value_type(CopyKind kind) { return description_of(kind).value_type; }

const CopyKindDescription& description_of(CopyKind kind) { return kDescriptions[static_cast<std::size_t>(kind)]; }

void read_field(const CopyKindDescription& kind, Bytes field, std::byte* value) {
  if (kind.field_bytes != 0 && field.size() != kind.field_bytes) {
    fail_copy(counted(field.size(), "byte") + ", but a field of the kind " + std::string(kind.name) + " has " +
              std::to_string(kind.field_bytes));
  }
  kind.read(field, value);
}

}  // namespace binfeed
