// The functions that -fsanitize=thread makes the compiler call. ThreadSanitizer itself is not
// linked.
#include <cstring>

#include "trace.h"

using emu::AccessKind;

namespace {

void unaligned(void *address, size_t size_bytes, AccessKind kind, void *return_address) {
  emu::trace_access(address, size_bytes, kind, {return_address, {}});
}

// The compiler may rely on the natural alignment of the type.
void aligned(void *address, size_t size_bytes, AccessKind kind, void *return_address) {
  const bool off = reinterpret_cast<uintptr_t>(address) % size_bytes != 0;
  if (off && emu::current_thread != nullptr) {
    emu::fail("misaligned", "%zu-byte access at %p: %s", size_bytes, address,
              emu::describe_code(return_address).c_str());
  }
  unaligned(address, size_bytes, kind, return_address);
}

}  // namespace

// Names are fixed by the instrumentation: one set per size.
#define EMU_ACCESS_CALLBACK(name, check, size_bytes, kind)                     \
  extern "C" void name(void *address) {                                        \
    check(address, size_bytes, AccessKind::kind, __builtin_return_address(0)); \
  }
#define EMU_ACCESS_CALLBACKS(size_bytes)                                               \
  EMU_ACCESS_CALLBACK(__tsan_read##size_bytes, aligned, size_bytes, kRead)             \
  EMU_ACCESS_CALLBACK(__tsan_write##size_bytes, aligned, size_bytes, kWrite)           \
  EMU_ACCESS_CALLBACK(__tsan_volatile_read##size_bytes, aligned, size_bytes, kRead)    \
  EMU_ACCESS_CALLBACK(__tsan_volatile_write##size_bytes, aligned, size_bytes, kWrite)  \
  EMU_ACCESS_CALLBACK(__tsan_unaligned_read##size_bytes, unaligned, size_bytes, kRead) \
  EMU_ACCESS_CALLBACK(__tsan_unaligned_write##size_bytes, unaligned, size_bytes, kWrite)
EMU_ACCESS_CALLBACKS(1)
EMU_ACCESS_CALLBACKS(2)
EMU_ACCESS_CALLBACKS(4)
EMU_ACCESS_CALLBACKS(8)
EMU_ACCESS_CALLBACKS(16)

extern "C" {

void __tsan_read_range(void *address, size_t size_bytes) {
  unaligned(address, size_bytes, AccessKind::kRead, __builtin_return_address(0));
}

void __tsan_write_range(void *address, size_t size_bytes) {
  unaligned(address, size_bytes, AccessKind::kWrite, __builtin_return_address(0));
}

void *__tsan_memcpy(void *to, const void *from, size_t size_bytes) {
  void *place = __builtin_return_address(0);
  if (size_bytes != 0) unaligned(const_cast<void *>(from), size_bytes, AccessKind::kRead, place);
  if (size_bytes != 0) unaligned(to, size_bytes, AccessKind::kWrite, place);
  return memcpy(to, from, size_bytes);
}

void *__tsan_memmove(void *to, const void *from, size_t size_bytes) {
  void *place = __builtin_return_address(0);
  if (size_bytes != 0) unaligned(const_cast<void *>(from), size_bytes, AccessKind::kRead, place);
  if (size_bytes != 0) unaligned(to, size_bytes, AccessKind::kWrite, place);
  return memmove(to, from, size_bytes);
}

void *__tsan_memset(void *to, int value, size_t size_bytes) {
  if (size_bytes != 0) {
    unaligned(to, size_bytes, AccessKind::kWrite, __builtin_return_address(0));
  }
  return memset(to, value, size_bytes);
}

void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_vptr_read(void **) {}

}  // extern "C"
