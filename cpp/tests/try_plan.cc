#include "try_plan.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "binfeed/instruction_set.h"
#include "binfeed/reader.h"
#include "binfeed/schedule.h"
#include "binfeed/status.h"

namespace binfeed::tests {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1 << 20;  // of all files
constexpr std::size_t kMaxFiles = 32;
constexpr std::uint64_t kMaxBatchBytes = 4 << 20;
constexpr std::int64_t kBatches[] = {0, 1, 2, 1000, std::numeric_limits<std::int64_t>::max(), -1};

using Bytes = std::vector<std::byte>;
using Arrays = std::vector<Bytes>;

[[noreturn]] void fail(const std::string& reason) {
  std::fprintf(stderr, "a plan went wrong: %s\n", reason.c_str());
  std::abort();
}

// All values there are, NaN and infinity among them.
Bytes random_bytes(std::uint64_t count) {
  Bytes bytes(count);
  std::uint64_t state = 88172645463325252;
  for (std::byte& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<std::byte>(state);
  }
  return bytes;
}

std::optional<std::vector<Bytes>> contents_of(const ReadPlan& plan) {
  if (plan.files.size() > kMaxFiles) return std::nullopt;
  std::uint64_t rest = kMaxFileBytes;
  std::vector<Bytes> contents;
  for (const FileSpec& file : plan.files) {
    if (file.identity.size > rest) return std::nullopt;
    rest -= file.identity.size;
    contents.push_back(random_bytes(file.identity.size));
  }
  return contents;
}

bool is_too_large(const Reader& reader, std::int64_t rows) {
  const std::uint64_t most = kMaxBatchBytes / static_cast<std::uint64_t>(std::max<std::int64_t>(rows, 1));
  std::uint64_t bytes = 0;
  for (const std::size_t output : reader.output_bytes()) {
    if (output > most) return true;
    bytes += output;
  }
  return bytes > most;
}

// The arrays of each batch that there is; nothing for one that is too large.
using Batches = std::vector<std::pair<std::int64_t, std::optional<Arrays>>>;

Batches read_by_core(const ReadPlan& plan, const std::vector<Bytes>& contents, const std::string& instruction_set) {
  Files files;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    files.push_back(std::make_unique<MappedFile>(plan.files[i].path, contents[i].data(), contents[i].size()));
  }
  const Reader reader(RecordIndex(plan.layout, std::move(files)), plan.window, plan.program, instruction_set);
  const Schedule schedule(plan.schedule, kernels_of(instruction_set));
  if (schedule.size() != reader.samples().size()) throw Error(ErrorKind::kArgument, "an order of other samples");
  Batches batches;
  for (const std::int64_t number : kBatches) {
    Schedule::Batch batch{};
    try {
      batch = schedule.locate(number);
    } catch (const Error&) {
      continue;
    }
    if (is_too_large(reader, batch.count)) {
      batches.emplace_back(number, std::nullopt);
      continue;
    }
    Arrays arrays;
    std::vector<std::byte*> outputs;
    for (const std::size_t bytes : reader.output_bytes()) {
      arrays.emplace_back(bytes * static_cast<std::size_t>(batch.count));
      outputs.push_back(arrays.back().data());
    }
    const OrderPointer order = schedule.order(batch.epoch);
    reader.read_ahead(*order, batch.position, batch.count);
    reader.read(*order, batch.position, batch.count, outputs);
    batches.emplace_back(number, std::move(arrays));
  }
  return batches;
}

std::optional<Batches> try_core(const ReadPlan& plan, const std::vector<Bytes>& contents,
                                const std::string& instruction_set) {
  try {
    return read_by_core(plan, contents, instruction_set);
  } catch (const Error&) {
    return std::nullopt;
  }
}

template <typename Bits>
bool is_nan(const std::byte* at, Bits infinity) {
  Bits bits;
  std::memcpy(&bits, at, sizeof bits);
  return (bits & static_cast<Bits>(~(Bits{1} << (8 * sizeof bits - 1)))) > infinity;
}

bool is_nan(const std::byte* at, ElementType type) {
  switch (type) {
    case ElementType::kFloat16:
      return is_nan<std::uint16_t>(at, 0x7c00);
    case ElementType::kBfloat16:
      return is_nan<std::uint16_t>(at, 0x7f80);
    case ElementType::kFloat32:
      return is_nan<std::uint32_t>(at, 0x7f800000);
    case ElementType::kFloat64:
      return is_nan<std::uint64_t>(at, 0x7ff0000000000000);
    default:
      return false;
  }
}

// The same bits, but that any NaN equals any other one.
bool are_equal(std::span<const std::byte> a, std::span<const std::byte> b, ElementType type) {
  if (a.size() != b.size()) return false;
  const std::size_t bytes = element_bytes(type);
  for (std::size_t at = 0; at < a.size(); at += bytes) {
    const bool is_same = std::memcmp(a.data() + at, b.data() + at, bytes) == 0;
    if (!is_same && !(is_nan(a.data() + at, type) && is_nan(b.data() + at, type))) return false;
  }
  return true;
}

void compare(const ReadPlan& plan, const std::optional<Batches>& some, const std::optional<Batches>& others) {
  if (some.has_value() != others.has_value()) fail("one instruction set reads what another one refuses");
  if (!some) return;
  for (std::size_t i = 0; i < some->size(); ++i) {
    const auto& arrays = (*some)[i].second;
    for (std::size_t k = 0; arrays && k < arrays->size(); ++k) {
      if (!are_equal((*arrays)[k], (*(*others)[i].second)[k], plan.program.outputs[k].type)) {
        fail("output '" + plan.program.outputs[k].name + "' has other bits with another instruction set");
      }
    }
  }
}

// Files without a name in any folder, which live as long as this object.
class HiddenFiles {
 public:
  explicit HiddenFiles(const std::vector<Bytes>& contents) {
    for (const Bytes& bytes : contents) {
      descriptors_.push_back(::memfd_create("binfeed", 0));
      if (::write(descriptors_.back(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
        fail("a file could not be written");
      }
    }
  }
  ~HiddenFiles() {
    for (const int descriptor : descriptors_) ::close(descriptor);
  }
  HiddenFiles(const HiddenFiles&) = delete;
  HiddenFiles& operator=(const HiddenFiles&) = delete;

  std::string path(std::size_t file) const { return "/proc/self/fd/" + std::to_string(descriptors_[file]); }

 private:
  std::vector<int> descriptors_;
};

// An op may refuse, in words; it never finds itself in a state that nobody thought of.
void check(const host::Result& result) {
  if (result.code == TF_INTERNAL || result.code == TF_RESOURCE_EXHAUSTED) fail("an op failed with " + result.message);
  if (result.code != TF_OK && result.message.size() > 2000) fail("an error says too much");
}

void try_read_op(ReadPlan plan, const std::vector<Bytes>& contents, const Batches& batches) {
  const HiddenFiles files(contents);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    plan.files[i] = {.path = files.path(i), .identity = {.size = contents[i].size()}};
  }
  const host::Kernel kernel("BinfeedRead", {{"plan", to_bytes(plan)}, {"output_types", types_of(plan)}});
  for (const auto& [number, arrays] : batches) {
    if (!arrays) continue;
    const host::Result result = read_batch(kernel, number, 0, plan.schedule.seed);
    check(result);
    if (result.code != TF_OK) continue;
    for (std::size_t k = 0; k < arrays->size(); ++k) {
      if (plan.arrays[k].is_string) continue;
      if (!are_equal(host::bytes_of(*result.outputs[k]), (*arrays)[k], plan.program.outputs[k].type)) {
        fail("output '" + plan.program.outputs[k].name + "' of the op is not that of the core");
      }
    }
  }
}

// A string that is a file, and the record that may be in it.
void try_decode_op(const std::string& plan, const std::vector<TF_DataType>& types, const Bytes& content) {
  for (const bool many : {false, true}) {
    const host::Kernel kernel("BinfeedDecode", {{"plan", plan}, {"output_types", types}, {"many", many}});
    const std::size_t string[] = {content.size() << 2 | 3, reinterpret_cast<std::size_t>(content.data()), 0};
    const host::Tensor records = host::make_tensor(TF_STRING, {1}, string);
    check(kernel.run({records.get()}));
  }
}

}  // namespace

host::Result read_batch(const host::Kernel& kernel, std::int64_t number, std::int64_t passed_epochs,
                        std::uint64_t seed) {
  const std::int64_t chunk = 0;
  const std::int64_t chunks[] = {number, 1, 1, 1};
  return kernel.run({host::make_tensor(TF_INT64, {}, &chunk).get(), host::make_tensor(TF_INT64, {4}, chunks).get(),
                     host::make_tensor(TF_INT64, {}, &passed_epochs).get(),
                     host::make_tensor(TF_INT64, {}, &seed).get()});
}

host::Result read_chunk(const host::Kernel& kernel, std::int64_t chunk, const std::vector<std::int64_t>& chunks) {
  const std::int64_t zero = 0;
  const host::Tensor scalar = host::make_tensor(TF_INT64, {}, &zero);
  return kernel.run({host::make_tensor(TF_INT64, {}, &chunk).get(),
                     host::make_tensor(TF_INT64, {static_cast<std::int64_t>(chunks.size())}, chunks.data()).get(),
                     scalar.get(), scalar.get()});
}

std::vector<TF_DataType> types_of(const ReadPlan& plan) {
  constexpr TF_DataType kTypes[kOutputTypes] = {TF_BOOL,  TF_INT8,   TF_UINT8,   TF_INT16,  TF_UINT16,
                                                TF_INT32, TF_UINT32, TF_INT64,   TF_UINT64, TF_HALF,
                                                TF_FLOAT, TF_DOUBLE, TF_BFLOAT16};
  std::vector<TF_DataType> types;
  for (std::size_t k = 0; k < plan.program.outputs.size(); ++k) {
    const ElementType type = plan.program.outputs[k].type;
    const bool is_pair = plan.arrays[k].item_bytes == 2 * element_bytes(type);
    if (plan.arrays[k].is_string) {
      types.push_back(TF_STRING);
    } else if (is_pair && type == ElementType::kFloat32) {
      types.push_back(TF_COMPLEX64);
    } else if (is_pair && type == ElementType::kFloat64) {
      types.push_back(TF_COMPLEX128);
    } else {
      types.push_back(kTypes[index_of(type)]);
    }
  }
  return types;
}

void try_plan(std::string_view bytes) {
  ReadPlan plan;
  try {
    plan = read_plan(bytes);
  } catch (const Error&) {
    const std::string refused(bytes);
    check(host::Kernel("BinfeedDecode", {{"plan", refused}, {"output_types", std::vector{TF_INT64}}, {"many", true}})
              .run({nullptr}));
    return;
  }
  const std::optional<std::vector<Bytes>> contents = contents_of(plan);
  if (!contents) return;
  const std::vector<std::string> sets = supported_instruction_sets();
  const std::optional<Batches> batches = try_core(plan, *contents, sets.back());
  compare(plan, batches, try_core(plan, *contents, sets.front()));
  if (batches) try_read_op(plan, *contents, *batches);
  const bool has_windows = plan.window.size > 1 || plan.window.target_size > 0;
  if (has_windows) return;  // BinfeedDecode takes records one by one
  try_decode_op(std::string(bytes), types_of(plan), contents->empty() ? random_bytes(64) : contents->front());
}

}  // namespace binfeed::tests
