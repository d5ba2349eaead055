// What PostgreSQL sends for COPY ... TO STDOUT (FORMAT binary), as columns. The parser sees bytes only: whoever has a
// connection feeds what comes from it, cut anywhere.
//
// PostgreSQL's manual describes the format under COPY. The bytes of each type are those that its send function writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "binfeed/element_type.h"
#include "binfeed/queue.h"
#include "binfeed/status.h"

namespace binfeed {

enum class CopyKind : std::uint8_t {
  kBool,
  kInt16,
  kInt32,
  kInt64,
  kUint32,  // oid
  kFloat32,
  kFloat64,
  kNumeric,    // becomes the nearest float64; as in Python's float(Decimal), what is too large for any is infinity
  kDate,       // becomes days since 1970; infinity is the largest number, -infinity the smallest
  kTime,       // microseconds since midnight
  kTimestamp,  // with or without time zone; becomes microseconds since 1970, infinity as in dates
  kInterval,   // becomes microseconds, with days of 24 hours, infinity as in dates
  kUuid,       // 16 bytes
  kBytes,      // any number of bytes: text, bytea, json
};
inline constexpr std::size_t kCopyKinds = 14;

struct CopyColumn {
  std::string name;  // for messages
  CopyKind kind = CopyKind::kBytes;
  bool is_array = false;  // each row has an array of any number of dimensions; all rows have the same shape
};

// `kind` is a name such as "int32", or "int32[]" for arrays. Throws kArgument if there is no such kind.
CopyColumn copy_column(std::string name, std::string_view kind);

// The type of the values that a kind becomes, or nothing: uuids and bytes stay what they are.
std::optional<ElementType> value_type(CopyKind kind);

// Rows of a column.
struct CopyValues {
  // The values of all rows, with zeros for NULL. Of kBytes: those of the rows that are not NULL, without gaps.
  Allocation<std::byte> values;
  // Of kBytes: the number of bytes of each row that is not NULL.
  Allocation<std::uint32_t> sizes;
  // Of arrays: the shape of a row. It is {0} until the first row that is not NULL determines it.
  std::vector<std::int64_t> shape;
  // For each row, 0 if it is NULL, or else 1; empty if no row is NULL.
  std::vector<std::uint8_t> valid;
};

class ColumnBuilder;

class CopyParser {
 public:
  // Throws kArgument if there is no column, or more than rows can have.
  explicit CopyParser(const std::vector<CopyColumn>& columns);
  ~CopyParser();
  CopyParser(const CopyParser&) = delete;
  CopyParser& operator=(const CopyParser&) = delete;

  // Parses the next bytes of the stream. Throws kData if they are wrong, naming the row, counted from 0 over the whole
  // stream, and the column. From then on, the same error comes again; rows before it can still be taken.
  void feed(std::span<const std::byte> bytes);

  // The rows that are complete and not yet taken.
  std::uint64_t rows() const { return complete_ - taken_; }

  // Whether the trailer came, behind which there must be nothing.
  bool is_finished() const { return next_ == Next::kNothing; }

  // The next rows, one entry for each column. Throws kArgument if there are fewer, or if they need more than
  // kMaxBatchBytes.
  std::vector<CopyValues> take(std::uint64_t rows);

 private:
  using Bytes = std::span<const std::byte>;

  // The items of a stream. One is parsed when all of its bytes are there, and waits until then.
  enum class Next : std::uint8_t { kSignature, kFlags, kExtension, kRow, kFields, kNothing };

  void complete_waiting(Bytes& bytes);

  // Each parses the item at the beginning of `bytes`, and fields until the row ends, and removes what it parsed.
  // Returns false if bytes are missing for the next item.
  bool parse(Bytes& bytes);
  bool parse_signature(Bytes& bytes);
  bool parse_flags(Bytes& bytes);
  bool parse_extension(Bytes& bytes);
  bool parse_row(Bytes& bytes);
  bool parse_fields(Bytes& bytes);

  bool wait_for(std::size_t needed);
  // Inline, or else `bytes` would have to be in memory.
  void remove(Bytes& bytes, std::size_t count) {
    bytes = bytes.subspan(count);
    offset_ += count;
  }
  void give_up(const std::string& reason);
  std::string place() const;

  std::vector<ColumnBuilder> columns_;
  Next next_ = Next::kSignature;
  std::size_t column_ = 0;             // of the next field
  std::size_t extension_bytes_ = 0;    // that are still to come
  std::uint64_t offset_ = 0;           // of the next item in the stream
  std::uint64_t complete_ = 0;         // rows
  std::uint64_t taken_ = 0;            // rows
  std::vector<std::byte> waiting_;     // the beginning of an item
  std::size_t needed_ = 0;             // bytes of that item, as far as is known
  std::optional<Error> failure_;
};

}  // namespace binfeed
