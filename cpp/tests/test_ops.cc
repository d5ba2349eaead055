// The ops, without TensorFlow: their arrays, their errors, and hostile plans.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "binfeed/read_plan.h"
#include "check.h"
#include "tensorflow_host.h"
#include "try_plan.h"

namespace binfeed::tests {
namespace {

using host::Kernel;
using host::Result;
using host::Tensor;

constexpr std::size_t kLengths[] = {0, 1, 22, 23, 100};

std::string text_of(std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + (i + length) % 26);
  return text;
}

// A string of TensorFlow has 24 bytes; their lowest two bits say where its characters are.
enum class Place : std::uint8_t { kWithin, kHeap, kBehind, kElsewhere };
struct RawString {
  unsigned char bytes[24] = {};
};

// Strings and their characters, which the tensors made from them refer to.
class Strings {
 public:
  void add(const std::string& text, Place place) { strings_.emplace_back(text, place); }

  // Characters at kBehind are in the tensor, after its last element.
  Tensor tensor(const std::vector<std::int64_t>& shape) {
    const std::size_t count = strings_.size();
    std::vector<unsigned char> bytes(count * sizeof(RawString));
    std::vector<std::size_t> places;
    for (const auto& [text, place] : strings_) {
      places.push_back(bytes.size());
      if (place == Place::kBehind) bytes.insert(bytes.end(), text.begin(), text.end());
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = i * sizeof(RawString);
      const RawString raw = raw_string(strings_[i], places[i] - at);
      std::memcpy(bytes.data() + at, raw.bytes, sizeof raw);
    }
    auto* const owned = new std::vector<unsigned char>(std::move(bytes));
    const auto free = [](void*, std::size_t, void* memory) { delete static_cast<std::vector<unsigned char>*>(memory); };
    return Tensor(TF_NewTensor(TF_STRING, shape.data(), static_cast<int>(shape.size()), owned->data(), owned->size(),
                               free, owned));
  }

 private:
  using String = std::pair<std::string, Place>;

  static RawString raw_string(const String& string, std::size_t distance) {
    const auto& [text, place] = string;
    const std::size_t word = text.size() << 2 | static_cast<std::size_t>(place);
    const std::size_t address = reinterpret_cast<std::size_t>(text.data());
    RawString raw;
    if (place == Place::kWithin) {
      CHECK(text.size() <= 22);
      raw.bytes[0] = static_cast<unsigned char>(word);
      std::memcpy(raw.bytes + 1, text.data(), text.size());
    } else if (place == Place::kHeap) {
      const std::size_t words[] = {word, text.size(), address};
      std::memcpy(raw.bytes, words, sizeof words);
    } else if (place == Place::kBehind) {
      const std::uint32_t halves[] = {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(distance)};
      std::memcpy(raw.bytes, halves, sizeof halves);
    } else {
      const std::size_t words[] = {word, address};
      std::memcpy(raw.bytes, words, sizeof words);
    }
    return raw;
  }

  std::vector<String> strings_;
};

// The characters of a string that an op made: within it, or on the heap.
std::string text_at(const std::byte* string) {
  std::size_t words[3];
  std::memcpy(words, string, sizeof words);
  if ((words[0] & 3) == 0) return {reinterpret_cast<const char*>(string) + 1, (words[0] & 0xff) >> 2};
  CHECK((words[0] & 3) == 1);
  CHECK(words[1] >= words[0] >> 2);
  return {reinterpret_cast<const char*>(words[2]), words[0] >> 2};
}

std::string text_of(const TF_Tensor& tensor) {
  const auto bytes = host::bytes_of(tensor);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::int64_t> numbers_of(const TF_Tensor& tensor) {
  const auto bytes = host::bytes_of(tensor);
  std::vector<std::int64_t> numbers(bytes.size() / sizeof(std::int64_t));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

// Outputs records of `bytes` bytes as they are.
ReadPlan plan_of_bytes(std::size_t bytes) {
  ReadPlan plan;
  plan.layout.record_bytes = bytes;
  plan.program.steps = {{Load{.type = ElementType::kUint8, .elements = bytes}}};
  plan.program.outputs = {{.name = "x", .type = ElementType::kUint8, .values = {0}}};
  plan.arrays = {{.shape = {static_cast<std::int64_t>(bytes)}}};
  return plan;
}

ReadPlan plan_of_strings(std::size_t bytes) {
  ReadPlan plan = plan_of_bytes(bytes);
  plan.arrays = {{.shape = {}, .item_bytes = bytes, .is_string = true}};
  return plan;
}

Kernel decode_kernel(const ReadPlan& plan, bool many) {
  return Kernel("BinfeedDecode", {{"plan", to_bytes(plan)}, {"output_types", types_of(plan)}, {"many", many}});
}

Kernel read_kernel(const ReadPlan& plan) {
  return Kernel("BinfeedRead", {{"plan", to_bytes(plan)}, {"output_types", types_of(plan)}});
}

void test_strings_come_in_from_all_places() {
  std::string all;
  Strings strings;
  std::int64_t count = 0;
  for (const Place place : {Place::kWithin, Place::kHeap, Place::kBehind, Place::kElsewhere}) {
    for (const std::size_t length : kLengths) {
      if (place == Place::kWithin && length > 22) continue;
      strings.add(text_of(length), place);
      all += text_of(length);
      ++count;
    }
  }
  const Kernel kernel = decode_kernel(plan_of_bytes(1), true);
  const Tensor records = strings.tensor({count});
  const Result result = kernel.run({records.get()});
  CHECK(result.code == TF_OK);
  CHECK((host::shape_of(*result.outputs[0]) == std::vector{static_cast<std::int64_t>(all.size()), std::int64_t{1}}));
  CHECK(text_of(*result.outputs[0]) == all);
}

void test_strings_of_one_record_keep_their_shape() {
  Strings strings;
  for (std::size_t i = 0; i < 6; ++i) strings.add(text_of(23), i % 2 == 0 ? Place::kHeap : Place::kElsewhere);
  const Kernel kernel = decode_kernel(plan_of_bytes(23), false);
  const Tensor records = strings.tensor({2, 3});
  const Result result = kernel.run({records.get()});
  CHECK((host::shape_of(*result.outputs[0]) == std::vector<std::int64_t>{2, 3, 23}));
  strings.add("too short", Place::kWithin);
  const Tensor others = strings.tensor({7});
  CHECK(kernel.run({others.get()}).code == TF_INVALID_ARGUMENT);
}

void test_strings_come_out_without_their_zeros() {
  std::string content;
  for (const std::size_t length : kLengths) content += text_of(length) + std::string(100 - length, '\0');
  Strings file;
  file.add(content, Place::kElsewhere);
  const Kernel kernel = decode_kernel(plan_of_strings(100), true);
  const Tensor records = file.tensor({1});
  const Result result = kernel.run({records.get()});
  CHECK(host::type_of(*result.outputs[0]) == TF_STRING);
  const std::byte* string = host::bytes_of(*result.outputs[0]).data();
  for (const std::size_t length : kLengths) {
    CHECK(text_at(string) == text_of(length));
    string += sizeof(RawString);
  }
}

// A file in a folder of its own. Both are removed with this object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    std::string name = (std::filesystem::temp_directory_path() / "binfeed-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    write(content);
  }
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  std::filesystem::path folder() const { return folder_; }
  std::filesystem::path path() const { return folder_ / "records.bin"; }
  void write(const std::string& content) const { std::ofstream(path(), std::ios::binary) << content; }

 private:
  std::filesystem::path folder_;
};

// Seven records of three bytes, in batches of two.
const std::string kContent = text_of(21);
ReadPlan with_file(ReadPlan plan, const std::filesystem::path& path) {
  plan.files = {{.path = path.string(), .identity = {.size = kContent.size()}}};
  plan.schedule.starts = {0, 7};
  plan.schedule.batch_size = 2;
  return plan;
}
ReadPlan plan_of_file(const std::filesystem::path& path) { return with_file(plan_of_bytes(3), path); }

void test_batches_are_read_by_number() {
  const TemporaryFile file(kContent);
  const Kernel kernel = read_kernel(plan_of_file(file.path()));
  for (const std::int64_t epoch : {0, 1}) {
    const std::int64_t first = 4 * epoch;  // an epoch has four batches
    const Result chunk = read_chunk(kernel, 0, {first + 1, 1, 9, 3});
    CHECK(chunk.code == TF_OK);
    CHECK((host::shape_of(*chunk.outputs[0]) == std::vector<std::int64_t>{2, 2, 3}));
    CHECK(text_of(*chunk.outputs[0]) == kContent.substr(6, 12));

    const Result alone = read_chunk(kernel, 1, {first + 1, 1, 9, 3});  // the last batch of an epoch is smaller
    CHECK((host::shape_of(*alone.outputs[0]) == std::vector<std::int64_t>{1, 1, 3}));
    CHECK(text_of(*alone.outputs[0]) == kContent.substr(18, 3));

    const Result last = read_batch(kernel, 3, epoch);
    CHECK(last.code == TF_OK);
    CHECK((host::shape_of(*last.outputs[0]) == std::vector<std::int64_t>{1, 3}));
    CHECK(text_of(*last.outputs[0]) == kContent.substr(18, 3));
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (const std::vector<std::int64_t>& chunks : {std::vector<std::int64_t>{},
                                                  {0, 1, 1},
                                                  {-1, 1, 1, 1},
                                                  {0, 0, 1, 1},
                                                  {0, 1, -1, 1},
                                                  {0, 1, 1, 0},
                                                  {0, 1, 0, 1},
                                                  {kMost, 1, 1, 1},
                                                  {kMost, 1, 2, 1},
                                                  {0, kMost, 3, 1},
                                                  {1, 1, kMost, 2},
                                                  {0, 2, kMost / 4, kMost / 4}}) {
    CHECK(read_chunk(kernel, 0, chunks).code == TF_INVALID_ARGUMENT);
  }
  for (const std::int64_t chunk : {std::int64_t{-1}, std::int64_t{4}, kMost}) {
    CHECK(read_chunk(kernel, chunk, {0, 1, 6, 2}).code == TF_INVALID_ARGUMENT);
  }
  for (const std::int64_t epochs : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    CHECK(read_batch(kernel, 0, epochs).code == TF_INVALID_ARGUMENT);
  }
}

void test_many_threads_share_a_kernel() {
  const TemporaryFile file(kContent);
  const Kernel kernel = read_kernel(plan_of_file(file.path()));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn)
        CHECK(text_of(*read_chunk(kernel, 0, {0, 1, 3, 3}).outputs[0]) == kContent.substr(0, 18));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TF_Code code_of(const ReadPlan& plan) { return read_batch(read_kernel(plan), 0).code; }

void test_errors_have_the_codes_that_tensorflow_has_for_them() {
  const TemporaryFile file(kContent);
  CHECK(code_of(plan_of_file(file.folder() / "gone.bin")) == TF_NOT_FOUND);
  CHECK(code_of(plan_of_file(file.folder())) == TF_FAILED_PRECONDITION);
  const ReadPlan plan = plan_of_file(file.path());
  file.write(kContent.substr(0, 20));
  CHECK(code_of(plan) == TF_DATA_LOSS);

  const std::string bytes = to_bytes(plan);
  for (const std::string& damaged : {std::string(), bytes.substr(0, bytes.size() - 1), bytes + '\0'}) {
    CHECK(read_batch(Kernel("BinfeedRead", {{"plan", damaged}, {"output_types", types_of(plan)}}), 0).code ==
          TF_INVALID_ARGUMENT);
  }
}

void test_output_types_must_be_those_of_the_plan() {
  const TemporaryFile file(kContent);
  for (const ReadPlan& plan : {plan_of_file(file.path()), with_file(plan_of_strings(3), file.path())}) {
    using Types = std::vector<TF_DataType>;
    for (const Types& types : {Types{}, Types{TF_UINT8, TF_UINT8}, Types{TF_INT64}, Types{TF_FLOAT}}) {
      const Kernel kernel("BinfeedRead", {{"plan", to_bytes(plan)}, {"output_types", types}});
      CHECK(read_batch(kernel, 0).code == TF_INVALID_ARGUMENT);
    }
  }
}

void test_each_count_comes_once() {
  const std::int64_t unknown = -1;
  const Tensor none = host::make_tensor(TF_INT64, {}, &unknown);
  const Tensor made = host::make_tensor(TF_UINT8, {1}, &unknown);
  const TF_Tensor* const counter = made.get();
  CHECK(Kernel("BinfeedAddCounter", {}).run({counter}).code == TF_OK);
  constexpr std::size_t kThreads = 4;
  std::vector<std::int64_t> counts[kThreads];
  std::vector<std::thread> threads;
  for (auto& mine : counts) {
    threads.emplace_back([&mine, &none, counter] {
      const Kernel kernel("BinfeedCount", {});
      for (int i = 0; i < 100; ++i) mine.push_back(numbers_of(*kernel.run({counter, none.get()}).outputs[0]).at(0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::int64_t> all;
  for (const auto& some : counts) all.insert(some.begin(), some.end());
  CHECK(all.size() == 100 * kThreads);
  CHECK(*all.begin() == 0 && *all.rbegin() == 100 * kThreads - 1);

  const std::int64_t known = 1000;
  const Tensor restored = host::make_tensor(TF_INT64, {}, &known);
  const Kernel another("BinfeedCount", {});
  for (const std::int64_t expected : {known, known + 1, known + 2}) {
    const TF_Tensor* const given = expected == known ? restored.get() : none.get();
    CHECK(numbers_of(*another.run({counter, given}).outputs[0]).at(0) == expected);
  }

  const Tensor copy = host::make_tensor(TF_UINT8, host::shape_of(*counter), host::bytes_of(*counter).data());
  const Kernel kernel("BinfeedCount", {});
  for (int i = 0; i < 2; ++i) CHECK(numbers_of(*kernel.run({copy.get(), none.get()}).outputs[0]).at(0) == 0);
}

void test_plans_of(const std::filesystem::path& folder) {
  std::size_t plans = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    try_plan(std::string(std::istreambuf_iterator<char>(file), {}));
    ++plans;
  }
  CHECK(plans > 0);
}

}  // namespace
}  // namespace binfeed::tests

// test_ops FOLDER...: also tries all plans in these folders.
int main(int count, char** arguments) {
  using namespace binfeed::tests;
  test_strings_come_in_from_all_places();
  test_strings_of_one_record_keep_their_shape();
  test_strings_come_out_without_their_zeros();
  test_batches_are_read_by_number();
  test_many_threads_share_a_kernel();
  test_errors_have_the_codes_that_tensorflow_has_for_them();
  test_output_types_must_be_those_of_the_plan();
  test_each_count_comes_once();
  for (int i = 1; i < count; ++i) test_plans_of(arguments[i]);
  std::puts("test_ops passed");
}
