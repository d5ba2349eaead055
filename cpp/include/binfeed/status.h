// The only exception of the core. Bindings translate its kind; its message needs nothing added.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace binfeed {

enum class ErrorKind {
  kArgument,  // a parameter is out of its range
  kIndex,     // there is no such sample, batch or chunk
  kData,      // a file is not what its layout says, or has changed
  kSystem,    // the operating system refused; error_number() says why
  kClosed,    // the reader was closed
};

// Visible, because one library throws it and another catches it: both must see the same type.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  // An error of kind kData. `offset` is the byte at which the file is wrong.
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
