// Shared by all device headers: the source location of a call, and the coordinates of the running
// thread.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

// The checks of the trace build use the instrumentation of ThreadSanitizer. Functions that report
// their accesses themselves opt out of it.
#define EMU_NO_TSAN __attribute__((no_sanitize("thread")))

// The last parameter of a device function: records the file and line of the caller for error
// reports.
#define EMU_CALL_SITE ::emu::Site site = ::emu::Site::here()

#undef __launch_bounds__
#define __launch_bounds__(...)

namespace emu {

struct Site {
  const char *file;
  int line;

  // A default argument is evaluated at the call, and so are its own default arguments.
  static constexpr Site here(const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

// Keeps a parameter out of template argument deduction, so that atomicAdd(float *, 1) compiles.
template <class T>
struct NonDeducedType {
  using Type = T;
};
template <class T>
using NonDeduced = typename NonDeducedType<T>::Type;

// Yields to another thread; every spin loop must call it, or it never ends.
void yield();
void sleep();  // the same for __nanosleep

[[noreturn]] void trap(const char *what, Site site);

}  // namespace emu

// These are variables and not macros, because cudaLaunchConfig_t has members of these names. The
// engine reloads the first two whenever it switches to another thread.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

inline void __nanosleep(unsigned) {
  emu::sleep();
}

inline void __trap(EMU_CALL_SITE) {
  emu::trap("__trap()", site);
}

// A promise to the optimizer; here it is checked.
#undef __builtin_assume
#define __builtin_assume(condition)   \
  ((condition) ? static_cast<void>(0) \
               : ::emu::trap("broken __builtin_assume(" #condition ")", {__FILE__, __LINE__}))

// Time advances by one per call: kernels may measure, but results must not depend on it.
inline long long clock64() {
  static long long ticks;
  return ++ticks;
}

// Programmatic dependent launch: the emulator never overlaps two launches of a stream.
inline void cudaGridDependencySynchronize() {}
inline void cudaTriggerProgrammaticLaunchCompletion() {}
