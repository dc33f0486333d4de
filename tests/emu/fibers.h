// Private to the emulator: stacks and the switch between them.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emu {

struct Fiber {
#if defined(__x86_64__)
  void *stack_pointer;
#else
  ucontext_t context;
#endif
  char *stack;              // lowest address; null for the host's own stack
  void *sanitizer_context;  // AddressSanitizer's view of the suspended stack
};

size_t stack_bytes();
char *acquire_stack();
void release_stack(char *stack);

// Prepares a fiber that runs `entry` on the part of `stack` below `top`.
void prepare_fiber(Fiber &fiber, char *stack, char *top, void (*entry)());

// To be called first thing on a new fiber.
void fiber_started();

// Suspends `from` and resumes `to`. `from_ends`: it will not be resumed.
void switch_fiber(Fiber &from, Fiber &to, bool from_ends);

}  // namespace emu
