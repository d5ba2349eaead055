// Translates errors to TensorFlow's statuses.
#pragma once

#include <exception>
#include <string>

#include "c_api.h"

namespace binfeed::tensorflow {

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  operator TF_Status*() { return status_; }

  // Throws Failure if TensorFlow has reported an error.
  void check() const;

  // Sets the message of an exception, and the code that Python turns into the matching class of tf.errors.
  void set(const std::exception& error);

 private:
  TF_Status* status_;
};

// An error with a code of TensorFlow.
class Failure : public std::exception {
 public:
  Failure(TF_Code code, std::string message) : code_(code), message_(std::move(message)) {}
  TF_Code code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  TF_Code code_;
  std::string message_;
};

}  // namespace binfeed::tensorflow
