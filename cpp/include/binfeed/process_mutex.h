// A mutex of the whole process that fork() never leaves locked in the child: whoever forks waits until it is free.
#pragma once

#include <mutex>

namespace binfeed {

// Objects are never destroyed. While one is held, no other one may be taken: a fork takes them all.
class ProcessMutex {
 public:
  ProcessMutex();
  ProcessMutex(const ProcessMutex&) = delete;
  ProcessMutex& operator=(const ProcessMutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace binfeed
