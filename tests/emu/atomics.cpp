// Atomics and fences: both are points where another thread may run first.
#include "engine.h"
#include "trace.h"

namespace emu {

void fence() {
  ++sync_sequence;
  if constexpr (kTrace) trace_note_fence(*current_thread);
  yield();
}

void atomic_access(const void *address, size_t size_bytes, AtomicKind kind, Site site) {
  yield();
  if constexpr (kTrace) {
    const AccessKind kinds[] = {AccessKind::kAtomicRead, AccessKind::kAtomicWrite,
                                AccessKind::kAtomicUpdate};
    trace_access(const_cast<void *>(address), size_bytes, kinds[static_cast<int>(kind)],
                 {nullptr, site});
    ++sync_sequence;
    trace_note_atomic(*current_thread);
  } else {
    (void)address;
    (void)size_bytes;
    (void)kind;
    (void)site;
  }
}

}  // namespace emu
