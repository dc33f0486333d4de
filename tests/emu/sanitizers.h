// Private to the emulator: AddressSanitizer's interface, or nothing in the other builds.
#pragma once

#include <cstddef>

#if defined(EMU_ASAN)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emu {

#if defined(EMU_ASAN)

inline void asan_poison(const void *address, size_t size_bytes) {
  __asan_poison_memory_region(address, size_bytes);
}

inline void asan_unpoison(const void *address, size_t size_bytes) {
  __asan_unpoison_memory_region(address, size_bytes);
}

struct StackRange {
  void *lowest;
  size_t size_bytes;
};

inline StackRange host_stack() {
  static thread_local StackRange range = [] {
    StackRange found = {};
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &found.lowest, &found.size_bytes);
    pthread_attr_destroy(&attributes);
    return found;
  }();
  return range;
}

// `stack` is null for the host's own stack.
inline void asan_start_switch(void **saved, const void *stack, size_t stack_size_bytes) {
  const StackRange host = host_stack();
  __sanitizer_start_switch_fiber(saved, stack != nullptr ? stack : host.lowest,
                                 stack != nullptr ? stack_size_bytes : host.size_bytes);
}

inline void asan_finish_switch(void *saved) {
  __sanitizer_finish_switch_fiber(saved, nullptr, nullptr);
}

#else

inline void asan_poison(const void *, size_t) {}
inline void asan_unpoison(const void *, size_t) {}
inline void asan_start_switch(void **, const void *, size_t) {}
inline void asan_finish_switch(void *) {}

#endif

}  // namespace emu
