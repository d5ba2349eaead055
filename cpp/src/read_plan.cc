#include "binfeed/read_plan.h"

#include <cstring>
#include <type_traits>

#include "binfeed/status.h"

namespace binfeed {
namespace {

// To be changed with every struct that is described below.
constexpr std::string_view kMagic = "binfeed read plan 1\n";

// What is written and read, field by field: each struct is described once, for both directions.
template <typename Archive>
void describe(Archive& archive, FileSpec& file) {
  archive(file.path, file.size);
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
  archive(array.shape, array.string_bytes);
}
template <typename Archive>
void describe(Archive& archive, ScheduleSpec& schedule) {
  archive(schedule.cycle_length, schedule.block_length, schedule.shuffle, schedule.seed, schedule.block_samples,
          schedule.window_blocks, schedule.batch_size, schedule.drops_remainder, schedule.shard, schedule.shards,
          schedule.pads, schedule.first_epoch, schedule.first_position);
}
template <typename Archive>
void describe(Archive& archive, ReadPlan& plan) {
  archive(plan.files, plan.layout, plan.window, plan.outputs, plan.arrays, plan.schedule);
}

template <typename T>
constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

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
    if constexpr (kIsPlain<T>) {
      std::memcpy(&value, take(sizeof value), sizeof value);
    } else if constexpr (kIsSequence<T>) {
      std::uint64_t count = 0;
      parse(count);
      if (count > rest_.size()) fail();  // every item has at least one byte
      value.resize(count);
      for (auto& item : value) parse(item);
    } else {
      describe(*this, value);
    }
  }

  const char* take(std::size_t count) {
    if (count > rest_.size()) fail();
    const char* bytes = rest_.data();
    rest_.remove_prefix(count);
    return bytes;
  }

  [[noreturn]] static void fail() { throw Error(ErrorKind::kArgument, "the read plan is damaged: it ends too early"); }

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
  if (plan.arrays.size() != plan.outputs.size()) {
    throw Error(ErrorKind::kArgument, "the read plan is damaged: it has other arrays than outputs");
  }
  return plan;
}

}  // namespace binfeed
