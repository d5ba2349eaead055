#include "binfeed/page_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "binfeed/process_mutex.h"

namespace binfeed {

// A mapping that the handler knows. Slots are never freed, only reused, because the handler may be reading one. The
// version, which is odd while a slot changes, tells it whether it saw both ends of the same mapping. The slot of the
// page that faulted does not change, because somebody is reading that mapping.
struct PageGuard::Slot {
  std::atomic<std::uint32_t> version = 0;
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<bool> has_faulted = false;
  Slot* next = nullptr;

  void set(std::uintptr_t new_begin, std::uintptr_t new_end) {
    ++version;
    begin = new_begin;
    end = new_end;
    has_faulted = false;
    ++version;
  }

  // Where the mapping ends if `address` is within it, else 0.
  std::uintptr_t end_if_at(std::uintptr_t address) const {
    const std::uint32_t before = version;
    const std::uintptr_t first = begin;
    const std::uintptr_t last = end;
    return before % 2 == 0 && version == before && address >= first && address < last ? last : 0;
  }
};

struct PageGuardAccess {
  using Slot = PageGuard::Slot;

  // Slots without a guard, so that one is found at once however many mappings there are.
  struct Free {
    ProcessMutex mutex;
    std::vector<Slot*> slots;
  };
  static Free& free() {
    static auto* const free = new Free;
    return *free;
  }

  static Slot* take_slot() {
    const std::lock_guard lock(free().mutex);
    if (free().slots.empty()) {
      auto* const slot = new Slot;
      slot->next = slots.load();
      slots = slot;
      return slot;
    }
    Slot* const slot = free().slots.back();
    free().slots.pop_back();
    return slot;
  }

  static void give_back(Slot* slot) {
    const std::lock_guard lock(free().mutex);
    free().slots.push_back(slot);
  }

  // The signal handler uses nothing but what follows: atomics and system calls.
  static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

  static std::atomic<Slot*> slots;
  static std::atomic<bool> any_has_faulted;
  static const std::uintptr_t page_bytes;

  // If `address` is in a guarded mapping, puts zeros in place of its page and of all pages after it: they are beyond
  // the end of the file as well.
  static bool replace_pages(std::uintptr_t address) {
    for (Slot* slot = slots.load(); slot != nullptr; slot = slot->next) {
      const std::uintptr_t end = slot->end_if_at(address);
      if (end == 0) continue;
      // Noted first: other threads do not fault on the zeros, but must know about them.
      slot->has_faulted = true;
      any_has_faulted = true;
      const std::uintptr_t page = address & ~(page_bytes - 1);
      return ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                    0) != MAP_FAILED;
    }
    return false;
  }
};

std::atomic<PageGuard::Slot*> PageGuardAccess::slots = nullptr;
std::atomic<bool> PageGuardAccess::any_has_faulted = false;
const std::uintptr_t PageGuardAccess::page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));

namespace {

// The handler that was installed before ours. Only the pointer is swapped, so that the signal handler never sees half
// of it. Old ones are kept, because it may be reading one; there is one for each time that somebody replaced our
// handler.
std::atomic<const struct sigaction*> previous_action = nullptr;
thread_local volatile sig_atomic_t is_passing_on __attribute__((tls_model("initial-exec"))) = 0;

// Whether the signal is a fault and was not sent by somebody. macOS on arm64 reports every fault as an alignment error.
bool is_fault(const siginfo_t* info) {
#if defined(__APPLE__)
  if (info == nullptr) return false;
  return info->si_code == BUS_ADRERR || info->si_code == BUS_ADRALN || info->si_code == BUS_OBJERR;
#else
  return info != nullptr && info->si_code > 0;
#endif
}

// Whether the fault may be a missing page of a mapping.
bool is_missing_page(const siginfo_t* info) {
#if defined(__APPLE__)
  return is_fault(info);
#else
  return info != nullptr && info->si_code == BUS_ADRERR;
#endif
}

void die_by_default(int signal, const siginfo_t* info) {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);
  // A fault occurs again when this handler returns. A signal that was sent does not.
  if (!is_fault(info)) ::raise(signal);
}

// Calls the handler that was installed before. If it calls ours in turn, nobody handles the signal.
void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction* const previous = previous_action.load();
  if (previous == nullptr || is_passing_on != 0) {
    die_by_default(signal, info);
    return;
  }
  is_passing_on = 1;
  if ((previous->sa_flags & SA_SIGINFO) != 0) {
    previous->sa_sigaction(signal, info, context);
  } else if (previous->sa_handler == SIG_IGN && !is_fault(info)) {
    // Ignored as before. A fault cannot be ignored: the instruction would fault forever.
  } else if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN) {
    die_by_default(signal, info);
  } else {
    previous->sa_handler(signal);
  }
  is_passing_on = 0;
}

void handle_fault(int signal, siginfo_t* info, void* context) {
  if (is_missing_page(info) && PageGuardAccess::replace_pages(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    return;
  }
  pass_on(signal, info, context);
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == handle_fault;
}

}  // namespace

PageGuard::PageGuard(const std::byte* begin, std::size_t size) : slot_(PageGuardAccess::take_slot()) {
  const auto first = reinterpret_cast<std::uintptr_t>(begin);
  slot_->set(first, first + size);
}

PageGuard::~PageGuard() {
  slot_->set(0, 0);
  PageGuardAccess::give_back(slot_);
}

bool PageGuard::has_faulted() const { return slot_->has_faulted; }

bool PageGuard::any_has_faulted() { return PageGuardAccess::any_has_faulted.load(std::memory_order_relaxed); }

namespace {

ProcessMutex& handler_mutex() {
  static auto* const mutex = new ProcessMutex;
  return *mutex;
}

const AtLoad guards_at_load([] {
  PageGuardAccess::free();
  handler_mutex();
});

}  // namespace

void PageGuard::install_handler() {
  struct sigaction current{};
  ::sigaction(SIGBUS, nullptr, &current);
  if (is_ours(current)) return;
  const std::lock_guard lock(handler_mutex());
  ::sigaction(SIGBUS, nullptr, &current);
  if (is_ours(current)) return;
  previous_action = new struct sigaction(current);
  struct sigaction ours{};
  ours.sa_sigaction = handle_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  ::sigaction(SIGBUS, &ours, nullptr);
}

}  // namespace binfeed
