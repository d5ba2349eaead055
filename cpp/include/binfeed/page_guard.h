// Reading a mapped page of a file that was truncated raises SIGBUS. For guarded mappings, the handler maps zeros in
// place of the page and notes the fault, so that the read continues and the caller can ask what happened.
#pragma once

#include <cstddef>

namespace binfeed {

class PageGuard {
 public:
  // Guards [begin, begin + size) until it is destroyed.
  PageGuard(const std::byte* begin, std::size_t size);
  ~PageGuard();
  PageGuard(const PageGuard&) = delete;
  PageGuard& operator=(const PageGuard&) = delete;

  // Whether a page of the mapping was missing.
  bool has_faulted() const;

  // Whether a page of any mapping was ever missing: cheap enough to ask after every read.
  static bool any_has_faulted();

  // Installs the signal handler, again if another library has replaced it. Must be called before mapped pages are read.
  // Faults outside of guarded mappings go to the handler that was installed before.
  static void install_handler();

 private:
  struct Slot;
  friend struct PageGuardAccess;  // the handler's side
  Slot* slot_;
};

}  // namespace binfeed
