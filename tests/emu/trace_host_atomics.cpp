// C11 atomics of host code that is compiled with -fsanitize=thread: the compiler calls these
// functions instead of emitting the instruction. All are sequentially consistent, which is always
// allowed.
#include <cstdint>

namespace {

template <class T>
T load(const volatile T *address) {
  return __atomic_load_n(address, __ATOMIC_SEQ_CST);
}

template <class T>
T compare_exchange(volatile T *address, T expected, T desired) {
  __atomic_compare_exchange_n(address, &expected, desired, false, __ATOMIC_SEQ_CST,
                              __ATOMIC_SEQ_CST);
  return expected;  // the value found
}

template <class T>
int compare_exchange_in_place(volatile T *address, T *expected, T desired) {
  return __atomic_compare_exchange_n(address, expected, desired, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}

}  // namespace

// Names are fixed by the instrumentation: one set per width.
#define EMU_FETCH(bits, type, name)                                                  \
  type __tsan_atomic##bits##_fetch_##name(volatile type *address, type value, int) { \
    return __atomic_fetch_##name(address, value, __ATOMIC_SEQ_CST);                  \
  }
#define EMU_ATOMICS(bits, type)                                                             \
  type __tsan_atomic##bits##_load(const volatile type *address, int) {                      \
    return load(address);                                                                   \
  }                                                                                         \
  void __tsan_atomic##bits##_store(volatile type *address, type value, int) {               \
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                     \
  }                                                                                         \
  type __tsan_atomic##bits##_exchange(volatile type *address, type value, int) {            \
    return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST);                           \
  }                                                                                         \
  EMU_FETCH(bits, type, add)                                                                \
  EMU_FETCH(bits, type, sub)                                                                \
  EMU_FETCH(bits, type, and)                                                                \
  EMU_FETCH(bits, type, or)                                                                 \
  EMU_FETCH(bits, type, xor)                                                                \
  type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected,    \
                                                  type desired, int, int) {                 \
    return compare_exchange(address, expected, desired);                                    \
  }                                                                                         \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile type *address, type *expected, \
                                                    type desired, int, int) {               \
    return compare_exchange_in_place(address, expected, desired);                           \
  }                                                                                         \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile type *address, type *expected,   \
                                                  type desired, int, int) {                 \
    return compare_exchange_in_place(address, expected, desired);                           \
  }

extern "C" {

EMU_ATOMICS(8, uint8_t)
EMU_ATOMICS(16, uint16_t)
EMU_ATOMICS(32, uint32_t)
EMU_ATOMICS(64, uint64_t)

void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
