#include "binfeed/read_plan.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "binfeed/program_bytes.h"
#include "binfeed/status.h"

// The format: a number has 64 bits, or its own width in a list of numbers, in the machine's byte order, which is
// little-endian. A bool has one byte. Text and lists are preceded by their size. An operation or an enumerator is
// written by name, so that adding another one does not change it.
//
// Any change to the descriptions below needs a new version. A plan of another version is refused, with both versions in
// the message: whoever has the layout and the features can make it again quickly.
namespace binfeed {
namespace {

constexpr std::string_view kMagic = "binfeed read plan ";
constexpr std::string_view kVersion = "4\n";

// The names of enumerators, in their order.
template <typename Enum>
constexpr std::nullptr_t kNames = nullptr;
template <>
constexpr auto kNames<Packing> = std::to_array<std::string_view>({"none", "low first", "high first", "wfdb212"});
template <>
constexpr auto kNames<Function> = kFunctionNames;
template <>
constexpr auto kNames<Combination> = kCombinationNames;
template <>
constexpr auto kNames<Shuffle> = std::to_array<std::string_view>({"none", "global", "block"});
template <>
constexpr auto kNames<ElementType> = [] {
  std::array<std::string_view, kElementTypes> names;
  for (std::size_t i = 0; i < kElementTypes; ++i) names[i] = element_name(static_cast<ElementType>(i));
  return names;
}();
static_assert(kNames<Packing>.size() == kPackings && kNames<Shuffle>.size() == kShuffles);

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
  archive(window.size, window.stride, window.dilation, window.target_offset, window.target_size, window.history);
}
template <typename Archive>
void describe(Archive& archive, PackingSpec& packing) {
  archive(packing.packing, packing.bits, packing.elements);
}
template <typename Archive>
void describe(Archive& archive, Load& load) {
  archive(load.source, load.type, load.packing, load.is_swapped, load.offset, load.elements, load.offsets);
}
template <typename Archive>
void describe(Archive& archive, Cast& cast) {
  archive(cast.type);
}
template <typename Archive>
void describe(Archive& archive, Constant& constant) {
  archive(constant.type, constant.words);
}
template <typename Archive>
void describe(Archive& archive, Map& map) {
  archive(map.function);
}
template <typename Archive>
void describe(Archive& archive, Combine& combine) {
  archive(combine.combination);
}
template <typename Archive>
void describe(Archive&, Choose&) {}
template <typename Archive>
void describe(Archive& archive, Lag& lag) {
  archive(lag.records);
}
template <typename Archive>
void describe(Archive& archive, FillFirst& fill_first) {
  archive(fill_first.records, fill_first.replacement);
}
template <typename Archive>
void describe(Archive& archive, Clip& clip) {
  archive(clip.low, clip.high);
}
template <typename Archive>
void describe(Archive& archive, Fill& fill) {
  archive(fill.missing, fill.replacement);
}
template <typename Archive>
void describe(Archive& archive, IsMissing& is_missing) {
  archive(is_missing.missing);
}
template <typename Archive>
void describe(Archive& archive, Coalesce& coalesce) {
  archive(coalesce.replacement);
}
template <typename Archive>
void describe(Archive& archive, Bits& bits) {
  archive(bits.start, bits.width, bits.is_signed);
}
template <typename Archive>
void describe(Archive& archive, Codes& codes) {
  archive(codes.key_bytes, codes.otherwise, codes.keys, codes.codes);
}
template <typename Archive>
void describe(Archive& archive, OneHot& one_hot) {
  archive(one_hot.depth);
}
template <typename Archive>
void describe(Archive& archive, Hash& hash) {
  archive(hash.text_bytes, hash.bins, hash.salt);
}
template <typename Archive>
void describe(Archive& archive, Cross& cross) {
  archive(cross.bins);
}
template <typename Archive>
void describe(Archive& archive, MultiHot& multi_hot) {
  archive(multi_hot.group, multi_hot.depth);
}
template <typename Archive>
void describe(Archive& archive, Bucketize& bucketize) {
  archive(bucketize.edges);
}
template <typename Archive>
void describe(Archive& archive, Step& step) {
  archive(step.operation, step.inputs);
}
template <typename Archive>
void describe(Archive& archive, OutputSpec& output) {
  archive(output.name, output.type, output.is_target, output.is_cumulative, output.values);
}
template <typename Archive>
void describe(Archive& archive, Program& program) {
  archive(program.steps, program.outputs);
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
  archive(plan.files, plan.layout, plan.window, plan.program, plan.arrays, plan.schedule);
}

template <typename T>
constexpr bool kIsVector = false;
template <typename T>
constexpr bool kIsVector<std::vector<T>> = true;

// Lists of numbers, which are copied as a whole, in their own width.
template <typename T>
constexpr bool kIsNumbers = false;
template <typename T>
constexpr bool kIsNumbers<std::vector<T>> = std::is_arithmetic_v<T>;
template <>
constexpr bool kIsNumbers<std::string> = true;

class Writer {
 public:
  explicit Writer(std::string_view begin) : bytes(begin) {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (write(fields), ...);
  }
  std::string bytes;

 private:
  template <typename T>
  void write(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      bytes.push_back(value ? '\1' : '\0');
    } else if constexpr (std::is_integral_v<T>) {
      static_assert(sizeof value <= sizeof(std::uint64_t));
      append_raw(
          static_cast<std::uint64_t>(static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, T>>(value)));
    } else if constexpr (std::is_enum_v<T>) {
      write_name(kNames<T>[static_cast<std::size_t>(value)]);
    } else if constexpr (std::is_same_v<T, Operation>) {
      std::visit(
          [&](auto& operation) {
            write_name(operation.kName);
            describe(*this, operation);
          },
          value);
    } else if constexpr (kIsNumbers<T>) {
      append_raw(static_cast<std::uint64_t>(value.size()));
      bytes.append(reinterpret_cast<const char*>(value.data()), value.size() * sizeof value[0]);
    } else if constexpr (kIsVector<T>) {
      append_raw(static_cast<std::uint64_t>(value.size()));
      for (auto& item : value) write(item);
    } else {
      describe(*this, value);
    }
  }

  void append_raw(std::uint64_t number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); }

  void write_name(std::string_view name) {
    bytes.push_back(static_cast<char>(name.size()));
    bytes.append(name);
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
    if constexpr (std::is_same_v<T, bool>) {
      value = take_flag();
    } else if constexpr (std::is_integral_v<T>) {
      value = take_integer<T>();
    } else if constexpr (std::is_enum_v<T>) {
      value = take_enumerator<T>();
    } else if constexpr (std::is_same_v<T, Operation>) {
      const std::string_view name = take_name();
      if (!parse_operation(name, value, std::make_index_sequence<std::variant_size_v<Operation>>{})) fail_at_name(name);
    } else if constexpr (kIsNumbers<T>) {
      take_numbers(value);
    } else if constexpr (kIsVector<T>) {
      const std::uint64_t count = take_number();
      if (count > rest_.size()) fail(kTooShort);  // every item has at least one byte
      value.clear();
      // One by one, so that memory grows with the bytes that were read, not with the number that they claim.
      for (std::uint64_t i = 0; i < count; ++i) {
        value.emplace_back();
        parse(value.back());
      }
    } else {
      describe(*this, value);
    }
  }

  template <std::size_t... Alternatives>
  bool parse_operation(std::string_view name, Operation& operation, std::index_sequence<Alternatives...>) {
    return ([&] {
      using Alternative = std::variant_alternative_t<Alternatives, Operation>;
      if (name != Alternative::kName) return false;
      describe(*this, operation.emplace<Alternative>());
      return true;
    }() || ...);
  }

  const char* take(std::size_t count) {
    if (count > rest_.size()) fail(kTooShort);
    const char* bytes = rest_.data();
    rest_.remove_prefix(count);
    return bytes;
  }

  std::uint64_t take_number() {
    std::uint64_t number = 0;
    std::memcpy(&number, take(sizeof number), sizeof number);
    return number;
  }

  bool take_flag() {
    const auto byte = static_cast<std::uint8_t>(*take(1));
    if (byte > 1) fail("it has " + std::to_string(byte) + " where 0 or 1 is expected");
    return byte == 1;
  }

  template <typename T>
  T take_integer() {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    const auto wide = static_cast<Wide>(take_number());
    if (!std::in_range<T>(wide)) fail("its number " + std::to_string(wide) + " is out of range");
    return static_cast<T>(wide);
  }

  template <typename T>
  T take_enumerator() {
    const std::string_view name = take_name();
    const auto found = std::find(kNames<T>.begin(), kNames<T>.end(), name);
    if (found == kNames<T>.end()) fail_at_name(name);
    return static_cast<T>(found - kNames<T>.begin());
  }

  template <typename Numbers>
  void take_numbers(Numbers& numbers) {
    const std::uint64_t count = take_number();
    if (count > rest_.size() / sizeof numbers[0]) fail(kTooShort);
    numbers.resize(count);
    const char* bytes = take(count * sizeof numbers[0]);
    if (count > 0) std::memcpy(numbers.data(), bytes, count * sizeof numbers[0]);
  }

  std::string_view take_name() {
    const auto size = static_cast<std::uint8_t>(*take(1));
    return {take(size), size};
  }

  static constexpr const char* kTooShort = "it ends too early";
  [[noreturn]] static void fail(const std::string& message) {
    throw Error(ErrorKind::kArgument, "the read plan is damaged: " + message);
  }
  [[noreturn]] static void fail_at_name(std::string_view name) {
    fail("its name '" + std::string(name.substr(0, 32)) + "' is unknown");
  }

  std::string_view rest_;
};

}  // namespace

std::string to_bytes(const Step& step) {
  Writer writer("");
  Step copy = step;  // describe() takes references that are not const
  writer(copy);
  return std::move(writer.bytes);
}

std::string to_bytes(const ReadPlan& plan) {
  Writer writer(std::string(kMagic) + std::string(kVersion));
  ReadPlan copy = plan;
  writer(copy);
  return std::move(writer.bytes);
}

ReadPlan read_plan(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) throw Error(ErrorKind::kArgument, "this is not a read plan of binfeed");
  bytes.remove_prefix(kMagic.size());
  if (!bytes.starts_with(kVersion)) {
    const std::string version(bytes.substr(0, std::min(bytes.find('\n'), std::size_t{8})));
    throw Error(ErrorKind::kArgument, "the read plan has version '" + version + "', but this binfeed reads version " +
                                          std::string(kVersion.substr(0, kVersion.size() - 1)) +
                                          ": make the dataset or the SavedModel again");
  }
  Parser parser(bytes.substr(kVersion.size()));
  ReadPlan plan;
  parser(plan);
  if (!parser.is_at_end()) throw Error(ErrorKind::kArgument, "the read plan is damaged: it continues after its end");
  validate(plan);
  return plan;
}

}  // namespace binfeed
