#include "binfeed/page_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>

namespace binfeed {

// A mapping that the handler knows. Slots are never freed, only used again: the handler may be looking at one.
struct PageGuard::Slot {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<bool> has_faulted = false;
  std::atomic<bool> is_taken = false;
  Slot* next = nullptr;
};

// What the signal handler may touch: atomics and system calls.
struct PageGuardAccess {
  using Slot = PageGuard::Slot;
  static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

  static std::atomic<Slot*> slots;
  static std::atomic<bool> any_has_faulted;
  static std::atomic<std::size_t> page_bytes;

  static Slot* take_slot() {
    for (Slot* slot = slots.load(); slot != nullptr; slot = slot->next) {
      if (!slot->is_taken.exchange(true)) return slot;
    }
    auto* const slot = new Slot;
    slot->is_taken = true;
    slot->next = slots.load();
    while (!slots.compare_exchange_weak(slot->next, slot)) {
    }
    return slot;
  }

  // Puts a page of zeros at `address` if it belongs to a guarded mapping.
  static bool replace_page(std::uintptr_t address) {
    for (Slot* slot = slots.load(); slot != nullptr; slot = slot->next) {
      if (address < slot->begin.load() || address >= slot->end.load()) continue;
      const std::uintptr_t page = address & ~(page_bytes.load() - 1);
      void* const zeros = ::mmap(reinterpret_cast<void*>(page), page_bytes.load(), PROT_READ,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      if (zeros == MAP_FAILED) return false;
      slot->has_faulted = true;
      any_has_faulted = true;
      return true;
    }
    return false;
  }
};

std::atomic<PageGuard::Slot*> PageGuardAccess::slots = nullptr;
std::atomic<bool> PageGuardAccess::any_has_faulted = false;
std::atomic<std::size_t> PageGuardAccess::page_bytes = 4096;

namespace {

// The handler that was there before ours. A pointer to it is swapped, so that the signal handler sees it whole; old
// ones are kept, for it may be looking at one. There are as many as times somebody replaced our handler.
std::atomic<const struct sigaction*> previous_action = nullptr;
std::mutex install_mutex;
thread_local volatile sig_atomic_t is_passing_on = 0;

void die_by_default(int signal) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);  // the fault comes again when this handler returns
}

// Calls the handler that was there before. If it calls ours in turn, nobody wants the fault.
void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction* const previous = previous_action.load();
  if (previous == nullptr || is_passing_on != 0) {
    die_by_default(signal);
    return;
  }
  is_passing_on = 1;
  if ((previous->sa_flags & SA_SIGINFO) != 0) {
    previous->sa_sigaction(signal, info, context);
  } else if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN) {
    die_by_default(signal);  // a fault cannot be ignored: the instruction would fault forever
  } else {
    previous->sa_handler(signal);
  }
  is_passing_on = 0;
}

void handle_fault(int signal, siginfo_t* info, void* context) {
  if (info != nullptr && info->si_code == BUS_ADRERR &&
      PageGuardAccess::replace_page(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    return;
  }
  pass_on(signal, info, context);
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == handle_fault;
}

}  // namespace

PageGuard::PageGuard(const std::byte* begin, std::size_t size) : slot_(PageGuardAccess::take_slot()) {
  PageGuardAccess::page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  slot_->has_faulted = false;
  // The end comes last: until then the slot holds no address.
  slot_->begin = reinterpret_cast<std::uintptr_t>(begin);
  slot_->end = reinterpret_cast<std::uintptr_t>(begin) + size;
}

PageGuard::~PageGuard() {
  slot_->end = 0;
  slot_->begin = 0;
  slot_->is_taken = false;
}

bool PageGuard::has_faulted() const { return slot_->has_faulted; }

bool PageGuard::any_has_faulted() { return PageGuardAccess::any_has_faulted.load(std::memory_order_relaxed); }

void PageGuard::install_handler() {
  struct sigaction current {};
  ::sigaction(SIGBUS, nullptr, &current);
  if (is_ours(current)) return;
  const std::lock_guard lock(install_mutex);
  ::sigaction(SIGBUS, nullptr, &current);
  if (is_ours(current)) return;
  previous_action = new struct sigaction(current);
  struct sigaction ours {};
  ours.sa_sigaction = handle_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  ::sigaction(SIGBUS, &ours, nullptr);
}

}  // namespace binfeed
