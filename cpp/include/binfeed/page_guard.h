// Reading a mapped page of a file that was truncated meanwhile raises SIGBUS. For mappings that are guarded, zeros are
// put in place of the page and the fault is noted, so that the read goes on and its caller can tell what happened.
#pragma once

#include <cstddef>

namespace binfeed {

class PageGuard {
 public:
  // Guards [begin, begin + size) while it lives.
  PageGuard(const std::byte* begin, std::size_t size);
  ~PageGuard();
  PageGuard(const PageGuard&) = delete;
  PageGuard& operator=(const PageGuard&) = delete;

  // Whether a page of the mapping was missing.
  bool has_faulted() const;

  // Whether that ever happened to any mapping: cheap enough to ask after every read.
  static bool any_has_faulted();

  // Makes sure that the handler is in place, should another library have put its own there. To be called before mapped
  // pages are read. Faults elsewhere go to the handler that was there before.
  static void install_handler();

 private:
  struct Slot;
  friend struct PageGuardAccess;  // the handler's side
  Slot* slot_;
};

}  // namespace binfeed
