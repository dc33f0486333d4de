// Loads and stores with a cache hint. They are plain accesses here, so that the sanitizers and the
// trace build see them; they only add the check of alignment, for every vector type.
#pragma once

#include "device_shared.h"

namespace emu {

template <class T>
inline T checked_load(const T *address, Site site) {
  check_alignment(address, site);
  return *address;
}

template <class T>
inline void checked_store(T *address, const T &value, Site site) {
  check_alignment(address, site);
  *address = value;
}

}  // namespace emu

template <class T>
inline T __ldg(const T *address, EMU_CALL_SITE) {
  return emu::checked_load(address, site);
}

template <class T>
inline T __ldca(const T *address, EMU_CALL_SITE) {
  return emu::checked_load(address, site);
}

template <class T>
inline T __ldcg(const T *address, EMU_CALL_SITE) {
  return emu::checked_load(address, site);
}

template <class T>
inline T __ldcs(const T *address, EMU_CALL_SITE) {
  return emu::checked_load(address, site);
}

template <class T>
inline T __ldlu(const T *address, EMU_CALL_SITE) {
  return emu::checked_load(address, site);
}

template <class T>
inline T __ldcv(const T *address, EMU_CALL_SITE) {
  return emu::checked_load(address, site);
}

template <class T>
inline void __stwb(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  emu::checked_store(address, value, site);
}

template <class T>
inline void __stcg(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  emu::checked_store(address, value, site);
}

template <class T>
inline void __stcs(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  emu::checked_store(address, value, site);
}

template <class T>
inline void __stwt(T *address, emu::NonDeduced<T> value, EMU_CALL_SITE) {
  emu::checked_store(address, value, site);
}
