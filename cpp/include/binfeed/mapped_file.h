// A file whose bytes can be read at any address. It is checked when opened and mapped when first read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace binfeed {

enum class AccessPattern : std::uint8_t { kNormal, kSequential, kRandom };

// What tells a file from another one that has its path later.
struct FileIdentity {
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  // 0 where the file system makes its numbers up as it goes
  std::uint64_t host = 0;   // the run of the operating system that the last three numbers are of

  // Whether this may be the file that `then` was. Elsewhere a file of the same size may be, such as a copy.
  bool is_still(const FileIdentity& then) const;
};

// Throws kData if the file at `path` is not the one any more that it was, kSystem if there is none.
void check_identity(const std::string& path, const FileIdentity& then);

// Members are safe from many threads. Those that need the mapping are called within a Mappings::Use.
class MappedFile {
 public:
  // Opens, checks and closes `path`: it must be a readable regular file. Nothing is mapped yet, so that opening ten
  // thousand files costs neither descriptors nor address space.
  explicit MappedFile(std::string path);

  // The same for a file that was opened before, and which is checked when it is first read.
  MappedFile(std::string path, const FileIdentity& identity);

  // Bytes that are in memory already and outlive this object; `name` stands for the path in messages.
  MappedFile(std::string name, const std::byte* bytes, std::uint64_t size);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return identity_.size; }
  const FileIdentity& identity() const { return identity_; }

  // The first byte; maps the file if it is not mapped. Throws kData if it is not the file any more that was opened.
  const std::byte* bytes() const;

  // The last byte of the mapping that is not zero, in its last page, and its value. Where a file is cut, what was there
  // reads as zero or faults, whatever became of its path: so that bytes were lost shows without a system call.
  struct Witness {
    const std::byte* byte = nullptr;  // none for bytes in memory
    std::byte value{};
    bool is_true() const { return byte == nullptr || *static_cast<const volatile std::byte*>(byte) == value; }
  };
  Witness witness() const;

  // To be called after bytes were read. Throws kData, with the sizes then and now, if the file was cut since it was
  // mapped: what was read may be zeros in place of its bytes. Throws kSystem if its disk could not be read.
  void check_after_reading() const;

  // Hints to the system: how the file is going to be read, and which of its bytes soon. They are never an error.
  void advise(AccessPattern pattern) const;
  void will_need(std::uint64_t begin, std::uint64_t end) const noexcept;

  // Unmaps the file until it is read again; only while there is no Use.
  void unmap() const;

 private:
  friend class Mappings;
  struct Mapping;

  const Mapping& map() const;
  void advise(const Mapping& mapping) const;
  bool is_shorter(const Mapping& mapping) const;
  [[noreturn]] void throw_changed() const;

  std::string path_;
  FileIdentity identity_;
  const std::byte* memory_ = nullptr;
  mutable std::atomic<AccessPattern> pattern_ = AccessPattern::kNormal;
  mutable std::atomic<const Mapping*> mapping_ = nullptr;
  mutable std::optional<std::list<const MappedFile*>::iterator> place_;  // among the mapped ones
};

}  // namespace binfeed
