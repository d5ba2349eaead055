#include "binfeed/read_plan.h"

#include <cstring>
#include <type_traits>

#include "binfeed/status.h"

namespace binfeed {
namespace {

// To be changed with every struct that is described below.
constexpr std::string_view kMagic = "binfeed read plan 2\n";

// What is written and read, field by field: each struct is described once, for both directions.
template <typename Archive>
void describe(Archive& archive, FileSpec& file) {
  archive(file.path, file.identity.size, file.identity.modified, file.identity.device, file.identity.inode,
          file.identity.host);
}
template <typename Archive>
void describe(Archive& archive, Layout& layout) {
  archive(layout.record_bytes, layout.header_bytes, layout.footer_bytes);
}
template <typename Archive>
void describe(Archive& archive, Window& window) {
  archive(window.size, window.stride, window.dilation, window.target_offset, window.target_size);
}
template <typename Archive>
void describe(Archive& archive, Operation& operation) {
  archive(operation.code, operation.type, operation.operand, operation.words);
}
template <typename Archive>
void describe(Archive& archive, PackingSpec& packing) {
  archive(packing.packing, packing.bits);
}
template <typename Archive>
void describe(Archive& archive, ColumnSpec& column) {
  archive(column.type, column.packing, column.packed_elements, column.is_swapped, column.offset, column.elements,
          column.offsets, column.operations);
}
template <typename Archive>
void describe(Archive& archive, OutputSpec& output) {
  archive(output.name, output.type, output.is_target, output.columns);
}
template <typename Archive>
void describe(Archive& archive, ArraySpec& array) {
  archive(array.shape, array.item_bytes, array.is_string);
}
template <typename Archive>
void describe(Archive& archive, ScheduleSpec& schedule) {
  archive(schedule.starts, schedule.cycle_length, schedule.block_length, schedule.shuffle, schedule.seed,
          schedule.block_samples, schedule.group_blocks, schedule.batch_size, schedule.drops_remainder, schedule.shard,
          schedule.shards, schedule.pads, schedule.first_epoch, schedule.first_position, schedule.epochs);
}
template <typename Archive>
void describe(Archive& archive, ReadPlan& plan) {
  archive(plan.files, plan.layout, plan.window, plan.outputs, plan.arrays, plan.schedule);
}

template <typename T>
constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// How many values of a type are in use, the first ones: any other byte would be none of them.
template <typename T>
constexpr std::size_t kValues = 0;  // all
template <>
constexpr std::size_t kValues<bool> = 2;
template <>
constexpr std::size_t kValues<ElementType> = kElementTypes;
template <>
constexpr std::size_t kValues<Operation::Code> = kOperationCodes;
template <>
constexpr std::size_t kValues<Packing> = kPackings;
template <>
constexpr std::size_t kValues<Shuffle> = kShuffles;

template <typename T>
constexpr bool kIsSequence = false;
template <>
constexpr bool kIsSequence<std::string> = true;
template <typename T>
constexpr bool kIsSequence<std::vector<T>> = true;

class Writer {
 public:
  template <typename... Fields>
  void operator()(Fields&... fields) {
    (write(fields), ...);
  }
  std::string bytes{kMagic};

 private:
  template <typename T>
  void write(T& value) {
    if constexpr (kIsPlain<T>) {
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    } else if constexpr (kIsSequence<T>) {
      std::uint64_t count = value.size();
      write(count);
      for (auto& item : value) write(item);
    } else {
      describe(*this, value);
    }
  }
};

class Parser {
 public:
  explicit Parser(std::string_view bytes) : rest_(bytes) {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (parse(fields), ...);
  }
  bool is_at_end() const { return rest_.empty(); }

 private:
  template <typename T>
  void parse(T& value) {
    if constexpr (kValues<T> > 0) {
      static_assert(sizeof value == 1);
      const auto byte = static_cast<std::uint8_t>(*take(1));
      if (byte >= kValues<T>) fail("it holds " + std::to_string(byte) + " where there is no such value");
      value = static_cast<T>(byte);
    } else if constexpr (kIsPlain<T>) {
      std::memcpy(&value, take(sizeof value), sizeof value);
    } else if constexpr (kIsSequence<T>) {
      std::uint64_t count = 0;
      parse(count);
      if (count > rest_.size()) fail(kTooShort);  // every item has at least one byte
      value.clear();
      // One by one: memory grows with the bytes that were read, not with the number that they claim.
      for (std::uint64_t i = 0; i < count; ++i) {
        value.resize(i + 1);
        parse(value.back());
      }
    } else {
      describe(*this, value);
    }
  }

  const char* take(std::size_t count) {
    if (count > rest_.size()) fail(kTooShort);
    const char* bytes = rest_.data();
    rest_.remove_prefix(count);
    return bytes;
  }

  static constexpr const char* kTooShort = "it ends too early";
  [[noreturn]] static void fail(const std::string& message) {
    throw Error(ErrorKind::kArgument, "the read plan is damaged: " + message);
  }

  std::string_view rest_;
};

}  // namespace

std::string to_bytes(const ReadPlan& plan) {
  Writer writer;
  ReadPlan copy = plan;  // describe() takes what it could change
  writer(copy);
  return std::move(writer.bytes);
}

ReadPlan read_plan(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) {
    throw Error(ErrorKind::kArgument, "this is no read plan of this version of binfeed");
  }
  Parser parser(bytes.substr(kMagic.size()));
  ReadPlan plan;
  parser(plan);
  if (!parser.is_at_end()) throw Error(ErrorKind::kArgument, "the read plan is damaged: it goes on behind its end");
  validate(plan);
  return plan;
}

}  // namespace binfeed
