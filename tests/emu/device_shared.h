// Shared memory. Each block has an arena; a variable is found in it by a key that is unique to the
// declaration (and to the template instance that contains it).
#pragma once

#include "device_core.h"

namespace emu {

void *shared_variable(const void *key, size_t size_bytes, size_t alignment, const char *name);
void *dynamic_shared(size_t alignment);

// The same address in the shared memory of another block of the cluster.
void *map_to_rank(void *pointer, unsigned rank);
unsigned cluster_rank();
unsigned cluster_blocks();

void refuse_plain_shared();

[[noreturn]] void misaligned(const void *pointer, size_t alignment, Site site);

template <class T>
inline void check_alignment(const T *pointer, Site site) {
  if (reinterpret_cast<uintptr_t>(pointer) % alignof(T) != 0) {
    misaligned(pointer, alignof(T), site);
  }
}

}  // namespace emu

// EMU_SHARED(float, partial, [32]) declares what `__shared__ float partial[32]` declares. Plain
// __shared__ would be one variable for all blocks, and is refused as soon as two blocks are
// resident.
#undef __shared__
#define __shared__              \
  ::emu::refuse_plain_shared(); \
  static

#define EMU_SHARED(T, name, dims)                                                 \
  typedef T name##_emu_type dims;                                                 \
  static char name##_emu_key;                                                     \
  name##_emu_type &name = *static_cast<name##_emu_type *>(::emu::shared_variable( \
      &name##_emu_key, sizeof(name##_emu_type), alignof(name##_emu_type), #name))

// T *name = start of the dynamic shared memory
#define EMU_DYNAMIC_SHARED(T, name) T *name = static_cast<T *>(::emu::dynamic_shared(alignof(T)))

// Declares that a vector access through p follows; a GPU would fault if p were not aligned to *p.
#define EMU_ALIGNED(p) ::emu::check_alignment(p, {__FILE__, __LINE__})
