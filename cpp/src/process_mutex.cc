#include "binfeed/process_mutex.h"

#include <pthread.h>

#include <vector>

namespace binfeed {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<ProcessMutex*> known;
};

Registry& registry() {
  static auto* const registry = new Registry;
  return *registry;
}

void lock_all() {
  registry().mutex.lock();
  for (ProcessMutex* mutex : registry().known) mutex->lock();
}

void unlock_all() {
  for (ProcessMutex* mutex : registry().known) mutex->unlock();
  registry().mutex.unlock();
}

}  // namespace

ProcessMutex::ProcessMutex() {
  const std::lock_guard lock(registry().mutex);
  if (registry().known.empty()) ::pthread_atfork(&lock_all, &unlock_all, &unlock_all);
  registry().known.push_back(this);
}

}  // namespace binfeed
