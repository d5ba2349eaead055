// Readers shared by many threads, for ThreadSanitizer: what runs at the same time here may run at the same time.
//
// ThreadSanitizer sees that the signal handler of page_guard.cc maps a page anew while others read it, which is meant
// (suppressions.txt); it sees neither that a file is cut, nor what a handler does to the thread that it stopped.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "binfeed/buffer_pool.h"
#include "binfeed/instruction_set.h"
#include "binfeed/mapped_file.h"
#include "binfeed/order.h"
#include "binfeed/reader.h"
#include "binfeed/record_index.h"
#include "binfeed/status.h"
#include "check.h"

namespace binfeed::tests {
namespace {

using Number = std::uint32_t;

constexpr std::size_t kThreads = 8;
constexpr std::int64_t kTurns = 500;
constexpr std::size_t kFiles = 4;
constexpr std::int64_t kRecords = 1 << 14;  // of each file
constexpr std::int64_t kAll = kFiles * kRecords;
constexpr std::int64_t kBatch = 300;

// Files of numbers, which count on from one to the next; gone with this object.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "binfeed-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    Number next = 0;
    for (std::size_t file = 0; file < kFiles; ++file) {
      std::vector<Number> numbers(kRecords);
      for (Number& number : numbers) number = next++;
      std::ofstream(path(file), std::ios::binary)
          .write(reinterpret_cast<const char*>(numbers.data()), kRecords * sizeof(Number));
    }
  }
  ~Folder() { std::filesystem::remove_all(folder_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(std::size_t file) const { return folder_ / (std::to_string(file) + ".bin"); }

 private:
  std::filesystem::path folder_;
};

std::unique_ptr<Reader> open_reader(const Folder& folder) {
  Files files;
  for (std::size_t file = 0; file < kFiles; ++file) files.push_back(std::make_unique<MappedFile>(folder.path(file)));
  const Program program{.steps = {{Load{.type = ElementType::kUint32}}},
                        .outputs = {{.name = "x", .type = ElementType::kUint32, .values = {0}}}};
  return std::make_unique<Reader>(RecordIndex({.record_bytes = sizeof(Number)}, std::move(files)), Window{}, program,
                                  default_instruction_set());
}

std::vector<OrderPointer> orders() {
  const auto& kernels = kernels_of(default_instruction_set());
  return {sequential_order(kAll), shuffled_order(kAll, {1, 2}, kernels),
          block_shuffled_order(kAll, 64, 4, {3, 4}, kernels)};
}

std::vector<std::int64_t> samples_of(const Order& order, std::int64_t position, std::int64_t count) {
  std::vector<Run> runs;
  order.append_runs(position, count, runs);
  std::vector<std::int64_t> samples;
  for (const Run run : runs) {
    for (std::int64_t i = 0; i < run.count; ++i) samples.push_back(run.first + i);
  }
  return samples;
}

// The buffer of a batch that holds what it should; throws what the reader throws.
Buffer read_batch(const Reader& reader, const Order& order, std::int64_t position) {
  BatchBuffers buffers(reader.output_bytes(), kBatch);
  reader.read(order, position, kBatch, buffers.bytes());
  const auto* numbers = reinterpret_cast<const Number*>(buffers.bytes()[0]);
  for (const std::int64_t sample : samples_of(order, position, kBatch)) {
    CHECK(*numbers++ == static_cast<Number>(sample));
  }
  return buffers.take(0);
}

class Random {
 public:
  explicit Random(std::size_t seed) : engine_(static_cast<std::minstd_rand::result_type>(seed + 1)) {}
  std::int64_t below(std::int64_t count) { return std::uniform_int_distribution<std::int64_t>(0, count - 1)(engine_); }
  std::int64_t position() { return below(kAll - kBatch + 1); }

 private:
  std::minstd_rand engine_;
};

// Runs work(number of the thread) in all threads, and meanwhile `beside` in this one.
void in_threads(const std::function<void(std::size_t)>& work, const std::function<void()>& beside = [] {}) {
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  beside();
  for (std::thread& thread : threads) thread.join();
}

// Buffers that one thread took and another one gives back.
class Handover {
 public:
  void exchange(Buffer buffer) {
    const std::lock_guard lock(mutex_);
    std::swap(held_, buffer);
  }

 private:
  std::mutex mutex_;
  Buffer held_;
};

void test_readers_are_shared() {
  const Folder folder;
  const std::unique_ptr<Reader> reader = open_reader(folder);
  const std::vector<OrderPointer> all = orders();
  Handover handover;
  in_threads([&](std::size_t thread) {
    Random random(thread);
    for (std::int64_t turn = 0; turn < kTurns; ++turn) {
      const Order& order = *all[static_cast<std::size_t>(turn) % all.size()];
      const std::int64_t position = random.position();
      if (turn % 16 == 0) reader->advise(turn % 32 == 0 ? AccessPattern::kRandom : AccessPattern::kSequential);
      if (turn % 8 == 0) reader->read_ahead(order, position, kBatch);
      handover.exchange(read_batch(*reader, order, position));
    }
  });
}

void test_readers_come_and_go() {
  const Folder folder;
  const OrderPointer order = sequential_order(kAll);
  Handover handover;
  in_threads([&](std::size_t thread) {
    Random random(thread);
    for (std::int64_t turn = 0; turn < kTurns / 4; ++turn) {
      const std::unique_ptr<Reader> reader = open_reader(folder);
      for (int batch = 0; batch < 3; ++batch) handover.exchange(read_batch(*reader, *order, random.position()));
    }
  });
  handover.exchange({});
  CHECK(BufferPool::instance().statistics().lent_bytes == 0);
  CHECK(BufferPool::instance().statistics().kept_bytes == 0);
}

void test_files_are_cut_meanwhile() {
  const Folder folder;
  const std::unique_ptr<Reader> reader = open_reader(folder);
  const std::vector<OrderPointer> all = orders();
  std::atomic<int> errors = 0;
  in_threads(
      [&](std::size_t thread) {
        Random random(thread);
        for (std::int64_t turn = 0; turn < kTurns; ++turn) {
          try {
            read_batch(*reader, *all[static_cast<std::size_t>(turn) % all.size()], random.position());
          } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::kData);
            CHECK(error.path() == folder.path(0));
            ++errors;
          }
        }
      },
      [&] {
        ::usleep(20'000);
        CHECK(::truncate(folder.path(0).c_str(), 10'000) == 0);
      });
  CHECK(errors > 0);
  read_batch(*reader, *all[0], kRecords);  // the other files go on
}

// A child is a copy of one thread, taken while the others are anywhere. It must be able to read, with the reader that
// is there and with one of its own.
[[noreturn]] void read_in_child(const Folder& folder, const Reader& reader) {
  constexpr unsigned kSeconds = 60;
  ::alarm(kSeconds);  // ends a child that waits for a thread that it has not
  const OrderPointer order = sequential_order(kAll);
  read_batch(reader, *order, 17);
  read_batch(*open_reader(folder), *order, kRecords);
  ::_exit(0);
}

void test_children_read() {
  const Folder folder;
  const std::unique_ptr<Reader> reader = open_reader(folder);
  const OrderPointer order = sequential_order(kAll);
  std::atomic<bool> is_over = false;
  in_threads(
      [&](std::size_t thread) {
        Random random(thread);
        while (!is_over) {
          read_batch(*reader, *order, random.position());
          if (thread % 2 == 0) read_batch(*open_reader(folder), *order, random.position());
        }
      },
      [&] {
        for (int child = 0; child < 20; ++child) {
          const pid_t process = ::fork();
          CHECK(process >= 0);
          if (process == 0) read_in_child(folder, *reader);
          int status = 0;
          CHECK(::waitpid(process, &status, 0) == process);
          CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        is_over = true;
      });
}

}  // namespace
}  // namespace binfeed::tests

int main() {
  using namespace binfeed::tests;
  test_readers_are_shared();
  test_readers_come_and_go();
  test_files_are_cut_meanwhile();
  test_children_read();
  std::puts("test_threads passed");
}
