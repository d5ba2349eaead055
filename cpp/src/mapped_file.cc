#include "binfeed/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "binfeed/status.h"

namespace binfeed {
namespace {

// An open descriptor of a regular file, with its size.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) {
    // Non-blocking: a pipe must be refused, not waited for.
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) throw Error::system(errno, path);
    struct stat status {};
    const int failed = ::fstat(descriptor_, &status) == 0 ? check(status.st_mode) : errno;
    if (failed != 0) {
      ::close(descriptor_);
      throw Error::system(failed, path);
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
    device_ = static_cast<std::uint64_t>(status.st_dev);
    inode_ = static_cast<std::uint64_t>(status.st_ino);
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t device() const { return device_; }
  std::uint64_t inode() const { return inode_; }

 private:
  static int check(mode_t mode) {
    if (S_ISDIR(mode)) return EISDIR;
    return S_ISREG(mode) ? 0 : ENODEV;  // what mmap says of a pipe or a socket
  }

  int descriptor_;
  std::uint64_t size_ = 0;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

Error changed(const std::string& path, std::uint64_t then, std::uint64_t now) {
  return Error::data("'" + path + "' had " + std::to_string(then) + " bytes when it was opened and has " +
                         std::to_string(now) + " now; open it again",
                     path, now);
}

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)), size_(OpenFile(path_).size()) {}

MappedFile::MappedFile(std::string path, std::uint64_t size) : path_(std::move(path)), size_(size) {}

MappedFile::MappedFile(std::string name, const std::byte* bytes, std::uint64_t size)
    : path_(std::move(name)), size_(size), is_mapping_(false), bytes_(bytes) {}

MappedFile::~MappedFile() {
  guard_.reset();
  const std::byte* bytes = bytes_.load();
  if (is_mapping_ && bytes != nullptr) ::munmap(const_cast<std::byte*>(bytes), size_);
}

const std::byte* MappedFile::map() const {
  const std::lock_guard lock(mutex_);
  if (const std::byte* bytes = bytes_.load(std::memory_order_relaxed); bytes != nullptr) return bytes;

  const OpenFile file(path_);
  if (file.size() != size_) {
    throw changed(path_, size_, file.size());
  }
  void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (mapping == MAP_FAILED) throw Error::system(errno, path_);
  const auto* bytes = static_cast<const std::byte*>(mapping);
  guard_.emplace(bytes, size_);
  identity_[0] = file.device();
  identity_[1] = file.inode();
  bytes_.store(bytes, std::memory_order_release);
  if (pattern_ != AccessPattern::kNormal) advise();
  return bytes;
}

void MappedFile::expect(AccessPattern pattern) const {
  const std::lock_guard lock(mutex_);
  if (pattern == pattern_) return;
  pattern_ = pattern;
  if (is_mapping_ && bytes_.load(std::memory_order_relaxed) != nullptr) advise();
}

// What follows are hints: the system is free to refuse them.
void MappedFile::advise() const {
  constexpr int kAdvice[] = {MADV_NORMAL, MADV_SEQUENTIAL, MADV_RANDOM};
  ::madvise(const_cast<std::byte*>(bytes_.load(std::memory_order_relaxed)), size_,
            kAdvice[static_cast<std::size_t>(pattern_)]);
}

void MappedFile::will_need(std::uint64_t begin, std::uint64_t end) const {
  if (!is_mapping_) return;
  static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  begin -= begin % page_bytes;
  ::madvise(const_cast<std::byte*>(bytes() + begin), end - begin, MADV_WILLNEED);
}

void MappedFile::check_after_reading() const {
  if (guard_ && (guard_->has_faulted() || was_truncated())) throw_changed();
}

void MappedFile::check_faults() const {
  if (guard_ && guard_->has_faulted()) throw_changed();
}

void MappedFile::throw_changed() const {
  std::uint64_t now = 0;
  try {
    now = OpenFile(path_).size();
  } catch (const Error&) {
    // It is gone altogether by now.
  }
  throw changed(path_, size_, now);
}

bool MappedFile::was_truncated() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return false;  // unlinked: its bytes live as long as the mapping
  return static_cast<std::uint64_t>(status.st_dev) == identity_[0] &&
         static_cast<std::uint64_t>(status.st_ino) == identity_[1] &&
         static_cast<std::uint64_t>(status.st_size) < size_;
}

}  // namespace binfeed
