// The mapped files of this process. The system limits the number of mappings, so there is a bound here as well; beyond
// it, the files that were mapped first are unmapped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>

#include "binfeed/process_mutex.h"

namespace binfeed {

class MappedFile;

class Mappings {
 public:
  static Mappings& instance();

  // While a Use exists, mapped files stay mapped. It must be short, and must not be nested in another one.
  class Use {
   public:
    Use() { instance().enter(); }
    ~Use() { instance().leave(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

  // Adds a file that was mapped, removes one that will be destroyed. Both must be called within a Use.
  void add(const MappedFile& file);
  void remove(const MappedFile& file);

 private:
  Mappings();
  void enter();
  void leave();
  void make_room();

  // The number of uses, and a bit that makes new ones wait while files are unmapped.
  static constexpr std::uint32_t kMakingRoom = std::uint32_t{1} << 31;
  std::atomic<std::uint32_t> uses_ = 0;

  ProcessMutex mutex_;  // guards the list
  std::list<const MappedFile*> files_;  // in the order in which they were mapped
  std::atomic<std::size_t> size_ = 0;
  std::size_t limit_;  // files that may stay mapped: BINFEED_MAX_MAPPED_FILES, or half of what the system allows
};

}  // namespace binfeed
