// Atomics and fences. A fiber is never interrupted inside an atomic; each one is a point where the
// scheduler may run another thread first.
#pragma once

#include "device_core.h"

namespace emu {

enum class AtomicKind { kLoad, kStore, kUpdate };

// Yields, and reports the access to the trace build.
void atomic_access(const void *address, size_t size_bytes, AtomicKind kind, Site site);
void fence();

// Integers wrap around, as they do on the device.
template <class T>
inline T wrapping_add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
  } else {
    return a + b;
  }
}

template <class T>
inline T wrapping_subtract(T a, T b) {
  using Unsigned = std::make_unsigned_t<T>;
  return static_cast<T>(static_cast<Unsigned>(a) - static_cast<Unsigned>(b));
}

template <class T, class Update>
EMU_NO_TSAN inline T atomic_update(T *address, Site site, Update update) {
  atomic_access(address, sizeof(T), AtomicKind::kUpdate, site);
  const T old = *address;
  *address = static_cast<T>(update(old));
  return old;
}

}  // namespace emu

template <class T>
T atomicAdd(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return emu::wrapping_add(old, value); });
}

template <class T>
T atomicSub(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site,
                            [=](T old) { return emu::wrapping_subtract(old, value); });
}

template <class T>
T atomicExch(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T) { return value; });
}

template <class T>
T atomicMin(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return value < old ? value : old; });
}

template <class T>
T atomicMax(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return old < value ? value : old; });
}

template <class T>
T atomicAnd(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return old & value; });
}

template <class T>
T atomicOr(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return old | value; });
}

template <class T>
T atomicXor(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return old ^ value; });
}

inline unsigned atomicInc(unsigned *address, unsigned limit, EMU_CALL_SITE) {
  return emu::atomic_update(address, site,
                            [=](unsigned old) { return old >= limit ? 0u : old + 1u; });
}

inline unsigned atomicDec(unsigned *address, unsigned limit, EMU_CALL_SITE) {
  return emu::atomic_update(
      address, site, [=](unsigned old) { return old == 0 || old > limit ? limit : old - 1u; });
}

template <class T>
T atomicCAS(T *address, emu::NonDeduced<T> expected, emu::NonDeduced<T> desired, EMU_CALL_SITE) {
  return emu::atomic_update(address, site, [=](T old) { return old == expected ? desired : old; });
}

inline void __threadfence() {
  emu::fence();
}
inline void __threadfence_block() {}
inline void __threadfence_system() {
  emu::fence();
}

// The twins of ld.acquire, st.release and atom.add.acq_rel, for the portability header of the
// project.
namespace emu {

template <class T>
inline T fetch_add_acq_rel(T *address, NonDeduced<T> value, EMU_CALL_SITE) {
  fence();
  const T old = atomicAdd(address, value, site);
  fence();
  return old;
}

template <class T>
EMU_NO_TSAN inline T load_relaxed(const T *address, EMU_CALL_SITE) {
  atomic_access(address, sizeof(T), AtomicKind::kLoad, site);
  return *address;
}

template <class T>
inline T load_acquire(const T *address, EMU_CALL_SITE) {
  const T value = load_relaxed(address, site);
  fence();
  return value;
}

template <class T>
EMU_NO_TSAN inline void store_relaxed(T *address, NonDeduced<T> value, EMU_CALL_SITE) {
  atomic_access(address, sizeof(T), AtomicKind::kStore, site);
  *address = value;
}

template <class T>
inline void store_release(T *address, NonDeduced<T> value, EMU_CALL_SITE) {
  fence();
  store_relaxed(address, value, site);
}

}  // namespace emu
