#include "binfeed/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <sys/vfs.h>
#endif

#include <cerrno>
#include <fstream>
#include <functional>
#include <utility>

#include "binfeed/mappings.h"
#include "binfeed/page_guard.h"
#include "binfeed/status.h"

namespace binfeed {
namespace {

std::uint64_t find_host() {
  std::string run;
#if defined(__APPLE__)
  char uuid[64] = {};
  std::size_t length = sizeof uuid - 1;
  if (::sysctlbyname("kern.bootsessionuuid", uuid, &length, nullptr, 0) == 0) run = uuid;
#else
  std::ifstream("/proc/sys/kernel/random/boot_id") >> run;
#endif
  return std::hash<std::string>{}(run);
}

const std::uint64_t kHost = find_host();
const auto kPageBytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

// Whether the file system numbers its files anew when it forgets them, as those in user space may.
bool has_passing_inodes([[maybe_unused]] int descriptor) {
#if defined(__linux__)
  constexpr long kFuse = 0x65735546;
  struct statfs system{};
  return ::fstatfs(descriptor, &system) == 0 && static_cast<long>(system.f_type) == kFuse;
#else
  return false;
#endif
}

std::int64_t modified(const struct stat& status) {
#if defined(__APPLE__)
  const struct timespec& time = status.st_mtimespec;
#else
  const struct timespec& time = status.st_mtim;
#endif
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// An open descriptor of a regular file.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) {
    if (path.find('\0') != std::string::npos) throw Error::system(EINVAL, path);
    // Non-blocking: a pipe must be refused, not waited for.
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) throw Error::system(errno, path);
    struct stat status{};
    const int failed = ::fstat(descriptor_, &status) == 0 ? check(status.st_mode) : errno;
    if (failed != 0) {
      ::close(descriptor_);
      throw Error::system(failed, path);
    }
    identity_ = {.size = static_cast<std::uint64_t>(status.st_size),
                 .modified = modified(status),
                 .device = static_cast<std::uint64_t>(status.st_dev),
                 .inode = has_passing_inodes(descriptor_) ? 0 : static_cast<std::uint64_t>(status.st_ino),
                 .host = kHost};
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  const FileIdentity& identity() const { return identity_; }

 private:
  static int check(mode_t mode) {
    if (S_ISDIR(mode)) return EISDIR;
    return S_ISREG(mode) ? 0 : ENODEV;  // what mmap says of a pipe or a socket
  }

  int descriptor_;
  FileIdentity identity_;
};

Error changed(const std::string& path, const FileIdentity& then, const FileIdentity& now) {
  const std::string what = now.size == then.size
                               ? "' was replaced or written to since it was opened"
                               : "' had " + std::to_string(then.size) + " bytes when it was opened and has " +
                                     std::to_string(now.size) + " now";
  return Error::data("'" + path + what + "; open it again", path, now.size);
}

}  // namespace

bool FileIdentity::is_still(const FileIdentity& then) const {
  if (size != then.size) return false;
  return host != then.host || (modified == then.modified && device == then.device && inode == then.inode);
}

void check_identity(const std::string& path, const FileIdentity& then) {
  const FileIdentity now = OpenFile(path).identity();
  if (!now.is_still(then)) throw changed(path, then, now);
}

struct MappedFile::Mapping {
  Mapping(const OpenFile& file, const std::string& path)
      : identity(file.identity()),
        size(identity.size),
        bytes(map(file, path)),
        guard(std::in_place, bytes, size),
        witness(find_witness()) {}
  ~Mapping() {
    guard.reset();  // the addresses may be somebody else's next
    ::munmap(const_cast<std::byte*>(bytes), size);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  static const std::byte* map(const OpenFile& file, const std::string& path) {
    void* mapping = ::mmap(nullptr, file.identity().size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (mapping == MAP_FAILED) throw Error::system(errno, path);
    return static_cast<const std::byte*>(mapping);
  }

  // Of the last page: if it is gone altogether, any byte of it tells.
  Witness find_witness() const {
    std::size_t at = size - 1;
    for (const std::size_t page = at / kPageBytes * kPageBytes; at > page && bytes[at] == std::byte{0};) --at;
    return {bytes + at, bytes[at]};
  }

  FileIdentity identity;  // as this machine has it, where that of the plan may be another one's
  std::size_t size;
  const std::byte* bytes;
  std::optional<PageGuard> guard;
  Witness witness;
};

MappedFile::MappedFile(std::string path) : path_(std::move(path)), identity_(OpenFile(path_).identity()) {}

MappedFile::MappedFile(std::string path, const FileIdentity& identity) : path_(std::move(path)), identity_(identity) {}

MappedFile::MappedFile(std::string name, const std::byte* bytes, std::uint64_t size)
    : path_(std::move(name)), identity_{.size = size}, memory_(bytes) {}

MappedFile::~MappedFile() {
  if (mapping_.load() == nullptr) return;
  const Mappings::Use use;  // nobody makes room meanwhile
  Mappings::instance().remove(*this);
  unmap();
}

const std::byte* MappedFile::bytes() const {
  if (memory_ != nullptr) return memory_;
  const Mapping* const mapping = mapping_.load(std::memory_order_acquire);
  return (mapping != nullptr ? *mapping : map()).bytes;
}

// Threads that map the file at the same time each do; all but one let go of it again. There is no lock to wait for.
const MappedFile::Mapping& MappedFile::map() const {
  PageGuard::install_handler();
  const OpenFile file(path_);
  if (!file.identity().is_still(identity_)) throw changed(path_, identity_, file.identity());
  auto mapping = std::make_unique<const Mapping>(file, path_);
  if (pattern_ != AccessPattern::kNormal) advise(*mapping);
  const Mapping* first = nullptr;
  if (!mapping_.compare_exchange_strong(first, mapping.get())) return *first;
  Mappings::instance().add(*this);
  return *mapping.release();
}

void MappedFile::unmap() const { delete mapping_.exchange(nullptr); }

MappedFile::Witness MappedFile::witness() const {
  const Mapping* const mapping = mapping_.load(std::memory_order_acquire);
  return mapping != nullptr ? mapping->witness : Witness{};
}

void MappedFile::check_after_reading() const {
  const Mapping* const mapping = mapping_.load(std::memory_order_acquire);
  if (mapping == nullptr) return;  // bytes in memory
  // In this order: asking a witness may fault, too.
  if (!mapping->witness.is_true() || mapping->guard->has_faulted() || is_shorter(*mapping)) throw_changed();
}

// Sees as well that a file lost zeros at its end, as long as it has its path.
bool MappedFile::is_shorter(const Mapping& mapping) const {
  const FileIdentity& then = mapping.identity;
  struct stat status{};
  return ::stat(path_.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) < then.size &&
         static_cast<std::uint64_t>(status.st_dev) == then.device &&
         (then.inode == 0 || static_cast<std::uint64_t>(status.st_ino) == then.inode);
}

void MappedFile::throw_changed() const {
  FileIdentity now;
  try {
    now = OpenFile(path_).identity();
  } catch (const Error&) {
    // It is gone altogether by now.
  }
  if (now.is_still(identity_)) throw Error::system(EIO, path_);  // so it was the disk that had no page
  throw changed(path_, identity_, now);
}

void MappedFile::advise(AccessPattern pattern) const {
  if (pattern_.exchange(pattern) == pattern) return;
  if (const Mapping* const mapping = mapping_.load(std::memory_order_acquire)) advise(*mapping);
}

void MappedFile::advise(const Mapping& mapping) const {
  constexpr int kAdvice[] = {MADV_NORMAL, MADV_SEQUENTIAL, MADV_RANDOM};
  ::madvise(const_cast<std::byte*>(mapping.bytes), mapping.size, kAdvice[static_cast<std::size_t>(pattern_.load())]);
}

void MappedFile::will_need(std::uint64_t begin, std::uint64_t end) const noexcept {
  if (memory_ != nullptr) return;
  begin -= begin % kPageBytes;
  try {
    ::madvise(const_cast<std::byte*>(bytes() + begin), end - begin, MADV_WILLNEED);
  } catch (const std::exception&) {
    // Whoever reads the file will say so.
  }
}

}  // namespace binfeed
