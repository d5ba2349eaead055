// A file whose bytes are read from memory. It is checked when it is opened, and mapped when it is first read.
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

// What distinguishes a file from another one that is found at its path later.
struct FileIdentity {
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  // 0 if the file system may number the same file anew
  std::uint64_t host = 0;   // the boot of the machine that `modified`, `device` and `inode` were read on

  // Whether this may be the same file as `then`. On another host, any file of the same size may be, such as a copy.
  bool is_still(const FileIdentity& then) const;
};

// Throws kData if the file at `path` is not the same as `then`, kSystem if it cannot be opened.
void check_identity(const std::string& path, const FileIdentity& then);

// Many threads may call members at the same time. Members that need the mapping must be called within a Mappings::Use.
class MappedFile {
 public:
  // Opens `path`, checks that it is a readable regular file, and closes it. Nothing is mapped yet, so that opening ten
  // thousand files costs neither descriptors nor address space.
  explicit MappedFile(std::string path);

  // A file that was opened before, perhaps by another process. It is checked against `identity` when it is first read.
  MappedFile(std::string path, const FileIdentity& identity);

  // Bytes in memory, which must outlive this object. Messages show `name` in place of a path.
  MappedFile(std::string name, const std::byte* bytes, std::uint64_t size);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return identity_.size; }
  const FileIdentity& identity() const { return identity_; }

  // The first byte. Maps the file if it is not mapped; throws kData if it is no longer the file that was opened.
  const std::byte* bytes() const;

  // The last byte in the last page of the mapping that is not zero, and its value. If the file is cut before that byte,
  // the byte reads as zero or its page faults, whatever became of the path. So lost bytes are noticed without a system
  // call.
  struct Witness {
    const std::byte* byte = nullptr;  // none for bytes in memory
    std::byte value{};
    bool is_true() const { return byte == nullptr || *static_cast<const volatile std::byte*>(byte) == value; }
  };
  Witness witness() const;

  // Must be called after bytes were read. Throws kData, with the old and the new size, if the file was cut since it was
  // mapped: zeros may have been read in place of its bytes. Throws kSystem if the disk could not be read.
  void check_after_reading() const;

  // Hints to the system: how the file will be read, and which bytes will be read soon. Hints never fail.
  void advise(AccessPattern pattern) const;
  void will_need(std::uint64_t begin, std::uint64_t end) const noexcept;

  // Unmaps the file until it is read again. Must not be called while there is a Use.
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
  mutable std::optional<std::list<const MappedFile*>::iterator> place_;  // in the list of Mappings
};

}  // namespace binfeed
