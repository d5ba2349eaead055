// A file whose bytes can be read at any address. It is checked when opened and mapped when first read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "binfeed/page_guard.h"

namespace binfeed {

enum class AccessPattern : std::uint8_t { kNormal, kSequential, kRandom };

class MappedFile {
 public:
  // Opens, checks and closes `path`: it must be a readable regular file. Nothing is mapped yet, so that opening ten
  // thousand files costs neither descriptors nor address space.
  explicit MappedFile(std::string path);

  // The same for a file whose size is known, and which is checked when it is first read.
  MappedFile(std::string path, std::uint64_t size);

  // Bytes that are in memory already and outlive this object; `name` stands for the path in messages.
  MappedFile(std::string name, const std::byte* bytes, std::uint64_t size);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }

  // The first byte; maps the file at the first call. Safe from many threads. Throws kData when the file has another
  // size by now than when it was opened.
  const std::byte* bytes() const {
    const std::byte* bytes = bytes_.load(std::memory_order_acquire);
    return bytes != nullptr ? bytes : map();
  }

  // Tells the system how the file is going to be read, now or once it is mapped.
  void expect(AccessPattern pattern) const;

  // Has the system fetch bytes [begin, end) of the file, and does not wait for them.
  void will_need(std::uint64_t begin, std::uint64_t end) const;

  // To be called after bytes were read. Throws kData, with the sizes then and now, if the file was truncated since it
  // was mapped: what was read may be zeros in place of its bytes.
  void check_after_reading() const;

  // The same, but sees only what a missing page has shown. The rest of a page that was cut within reads as zeros
  // without a fault; to notice that, the other one asks the file system.
  void check_faults() const;

 private:
  const std::byte* map() const;
  void advise() const;

  // Whether the mapped file, and no other that replaced it, is shorter by now.
  bool was_truncated() const;
  [[noreturn]] void throw_changed() const;

  std::string path_;
  std::uint64_t size_ = 0;
  bool is_mapping_ = true;
  mutable std::mutex mutex_;
  mutable AccessPattern pattern_ = AccessPattern::kNormal;
  mutable std::atomic<const std::byte*> bytes_ = nullptr;
  mutable std::optional<PageGuard> guard_;
  mutable std::uint64_t identity_[2] = {};  // device and inode
};

}  // namespace binfeed
