#include "status.h"

#include <cerrno>
#include <new>
#include <system_error>

#include "binfeed/status.h"

namespace binfeed::tensorflow {
namespace {

TF_Code code_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kData:
      return TF_DATA_LOSS;
    case ErrorKind::kSystem:
      if (error.error_number() == ENOENT || error.error_number() == ENOTDIR) return TF_NOT_FOUND;
      if (error.error_number() == EACCES || error.error_number() == EPERM) return TF_PERMISSION_DENIED;
      return TF_FAILED_PRECONDITION;
    case ErrorKind::kClosed:
      return TF_FAILED_PRECONDITION;
    case ErrorKind::kArgument:
    case ErrorKind::kIndex:
      return TF_INVALID_ARGUMENT;
  }
  return TF_INTERNAL;
}

}  // namespace

void Status::check() const {
  if (TF_GetCode(status_) != TF_OK) throw Failure(TF_GetCode(status_), TF_Message(status_));
}

void Status::set(const std::exception& error) {
  if (const auto* failure = dynamic_cast<const Failure*>(&error)) {
    TF_SetStatus(status_, failure->code(), failure->what());
  } else if (const auto* ours = dynamic_cast<const Error*>(&error)) {
    std::string message = ours->what();
    if (ours->kind() == ErrorKind::kSystem) {
      message = "'" + ours->path() + "': " + std::generic_category().message(ours->error_number());
    }
    TF_SetStatus(status_, code_of(*ours), message.c_str());
  } else {
    const bool is_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    TF_SetStatus(status_, is_memory ? TF_RESOURCE_EXHAUSTED : TF_INTERNAL, error.what());
  }
}

}  // namespace binfeed::tensorflow
