#include "binfeed/mappings.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>

#include "binfeed/mapped_file.h"
#include "binfeed/process_mutex.h"
#include "binfeed/status.h"

namespace binfeed {
namespace {

// Linux's default, for systems that do not report their limit.
constexpr std::size_t kUsualLimit = 65530;

std::size_t find_limit() {
  if (const char* asked = std::getenv("BINFEED_MAX_MAPPED_FILES"); asked != nullptr && *asked != 0) {
    char* end = nullptr;
    const unsigned long long limit = std::strtoull(asked, &end, 10);
    if (*end != 0 || limit == 0) {
      throw Error(ErrorKind::kArgument,
                  "BINFEED_MAX_MAPPED_FILES must be a number of files, at least 1, not '" + std::string(asked) + "'");
    }
    return limit;
  }
  std::size_t allowed = kUsualLimit;
  std::ifstream("/proc/sys/vm/max_map_count") >> allowed;
  return std::max<std::size_t>(allowed / 2, 1);
}

}  // namespace

Mappings& Mappings::instance() {
  static auto* const mappings = new Mappings;
  return *mappings;
}

namespace {
const AtLoad mappings_at_load([] { Mappings::instance(); });
}  // namespace

Mappings::Mappings() : limit_(find_limit()) {
  // Threads that were reading do not exist in the child.
  ::pthread_atfork(nullptr, nullptr, [] { instance().uses_.store(0); });
}

void Mappings::enter() {
  if (size_.load(std::memory_order_relaxed) > limit_) make_room();
  std::uint32_t uses = uses_.load();
  while (true) {
    if ((uses & kMakingRoom) != 0) {
      uses_.wait(uses);
      uses = uses_.load();
    } else if (uses_.compare_exchange_weak(uses, uses + 1)) {
      return;
    }
  }
}

void Mappings::leave() {
  if (uses_.fetch_sub(1) == (kMakingRoom | 1)) uses_.notify_all();
}

// Waits until nobody reads, then unmaps an eighth of the files, so that this happens rarely.
void Mappings::make_room() {
  std::uint32_t uses = uses_.load();
  do {
    if ((uses & kMakingRoom) != 0) return;  // another thread is making room
  } while (!uses_.compare_exchange_weak(uses, uses | kMakingRoom));
  while ((uses = uses_.load()) != kMakingRoom) uses_.wait(uses);

  while (size_ > limit_ - limit_ / 8) {
    const MappedFile& first = *files_.front();
    remove(first);
    first.unmap();
  }
  uses_.store(0);
  uses_.notify_all();
}

void Mappings::add(const MappedFile& file) {
  const std::lock_guard lock(mutex_);
  file.place_ = files_.insert(files_.end(), &file);
  ++size_;
}

void Mappings::remove(const MappedFile& file) {
  const std::lock_guard lock(mutex_);
  if (!file.place_) return;
  files_.erase(*file.place_);
  file.place_.reset();
  --size_;
}

}  // namespace binfeed
