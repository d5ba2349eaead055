// Work without the global interpreter lock.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <exception>

namespace binfeed::bindings {

// Lets Python handle signals, such as Ctrl-C, during long work; only now and then, because that takes the lock.
class SignalCheck {
 public:
  explicit SignalCheck(PyThreadState*& state) : state_(state) {}

  void operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + kInterval;
    PyEval_RestoreThread(state_);
    const bool is_interrupted = PyErr_CheckSignals() != 0;
    if (is_interrupted) {
      auto error = std::make_exception_ptr(pybind11::error_already_set());
      state_ = PyEval_SaveThread();
      std::rethrow_exception(std::move(error));
    }
    state_ = PyEval_SaveThread();
  }

 private:
  static constexpr std::chrono::milliseconds kInterval{50};
  PyThreadState*& state_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + kInterval;
};

// Calls work(check), where check() may throw. The lock is not taken back in a destructor: if the interpreter has been
// finalised meanwhile, taking it ends the thread by unwinding the stack, which must not start in a destructor.
template <typename Work>
void without_gil(Work work) {
  PyThreadState* state = PyEval_SaveThread();
  SignalCheck check(state);
  std::exception_ptr error;
  try {
    work(check);
  } catch (const std::exception&) {
    error = std::current_exception();
  }
  PyEval_RestoreThread(state);
  if (error) std::rethrow_exception(error);
}

}  // namespace binfeed::bindings
