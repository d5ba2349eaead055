// The files of this process that are mapped. The system allows so many mappings at a time, so that there is a bound,
// and beyond it those mapped first make room.
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

  // While one lives, the addresses of mapped files stay what they are. Short, and never within another one.
  class Use {
   public:
    Use() { instance().enter(); }
    ~Use() { instance().leave(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

  // A file that was mapped, and one that is to be destroyed. Both within a Use.
  void add(const MappedFile& file);
  void remove(const MappedFile& file);

 private:
  Mappings();
  void enter();
  void leave();
  void make_room();

  // The number of uses; and a bit that keeps new ones waiting while room is made.
  static constexpr std::uint32_t kMakingRoom = std::uint32_t{1} << 31;
  std::atomic<std::uint32_t> uses_ = 0;

  ProcessMutex mutex_;  // of the list
  std::list<const MappedFile*> files_;  // the first mapped at the front
  std::atomic<std::size_t> size_ = 0;
  std::size_t limit_;  // files that stay mapped: half of what the system allows, or BINFEED_MAX_MAPPED_FILES
};

}  // namespace binfeed
