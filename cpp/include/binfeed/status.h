// The one exception of the core. Bindings translate its kind; the message is complete as it stands.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace binfeed {

enum class ErrorKind {
  kArgument,  // a parameter is out of its range
  kIndex,     // a sample that does not exist
  kData,      // a file's content is not what its layout says
  kSystem,    // the operating system refused; errno says why
  kClosed,    // the reader was closed
};

// Thrown by one library and caught in another: both must see one type, whatever they hide.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  // A file is not what its layout says; `offset` is the byte where that shows.
  static Error data(const std::string& message, std::string path, std::uint64_t offset) {
    Error error(ErrorKind::kData, message);
    error.path_ = std::move(path);
    error.offset_ = offset;
    return error;
  }

  static Error system(int error_number, std::string path) {
    Error error(ErrorKind::kSystem, path);
    error.path_ = std::move(path);
    error.error_number_ = error_number;
    return error;
  }

  ErrorKind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  std::uint64_t offset() const { return offset_; }
  int error_number() const { return error_number_; }

 private:
  ErrorKind kind_;
  std::string path_;
  std::uint64_t offset_ = 0;
  int error_number_ = 0;
};

}  // namespace binfeed
