// A mutex that fork() never leaves locked in the child: the forking thread waits until it is free.
#pragma once

#include <exception>
#include <mutex>

namespace binfeed {

// Objects must never be destroyed. A thread that holds one must not lock another, because a fork locks all of them.
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

// Creates an object that lives as long as the process when the library is loaded, while nobody forks: if a fork
// interrupted the creation, the child would wait for it forever. If the creation fails, the first use reports it.
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
