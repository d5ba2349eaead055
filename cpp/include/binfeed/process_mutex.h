// A mutex of the whole process that fork() never leaves locked in the child: whoever forks waits until it is free.
#pragma once

#include <exception>
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

// Makes at the time that the library is loaded what lives as long as the process, while nobody forks: the child of a
// fork in the midst of it would wait for it forever. If it cannot be made, that is reported when it is used.
struct AtLoad {
  template <typename Make>
  explicit AtLoad(Make make) noexcept {
    try {
      make();
    } catch (const std::exception&) {
    }
  }
};

}  // namespace binfeed
