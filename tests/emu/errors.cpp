// Error reports. The first error ends the process, with exit code 97, because what follows it means
// nothing.
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "engine.h"

namespace emu {

namespace {

constexpr int kErrorExitCode = 97;

void print_context() {
  if (current_launch == nullptr) return;
  fprintf(stderr, "\n  kernel %s grid(%u,%u,%u) block(%u,%u,%u) seed %u",
          current_launch->kernel_name, gridDim.x, gridDim.y, gridDim.z, blockDim.x, blockDim.y,
          blockDim.z, launch_seed);
  if (current_thread == nullptr) return;
  const uint3 block = current_thread->block_index;
  const uint3 thread = current_thread->thread_index;
  fprintf(stderr, "\n  block(%u,%u,%u) thread(%u,%u,%u)", block.x, block.y, block.z, thread.x,
          thread.y, thread.z);
}

}  // namespace

void fail(const char *kind, const char *format, ...) {
  fflush(stdout);
  fprintf(stderr, "EMU-ERROR [%s] ", kind);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  print_context();
  fputc('\n', stderr);
  fflush(stderr);
  _exit(kErrorExitCode);
}

unsigned long environment_number(const char *name, unsigned long otherwise) {
  const char *text = getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  char *end = nullptr;
  const unsigned long number = strtoul(text, &end, 10);
  if (*end != '\0') fail("emulator", "%s=%s is not a number", name, text);
  return number;
}

void trap(const char *what, Site site) {
  fail("trap", "%s at %s:%d", what, site.file, site.line);
}

void misaligned(const void *pointer, size_t alignment, Site site) {
  fail("misaligned", "access at %p needs %zu-byte alignment, at %s:%d", pointer, alignment,
       site.file, site.line);
}

}  // namespace emu

extern "C" int emu_is_trace(void) {
  return emu::kTrace;
}
