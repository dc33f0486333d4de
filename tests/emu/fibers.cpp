// Stacks and the context switch. On x86-64 a switch saves the six registers that the calling
// convention asks for, in a few nanoseconds; other machines use ucontext, which enters the kernel.
#include "fibers.h"

#include <sys/mman.h>

#include <cstdlib>
#include <vector>

#include "sanitizers.h"

namespace emu {

namespace {

constexpr size_t kGuardBytes = 4096;

std::vector<char *> free_stacks;

}  // namespace

size_t stack_bytes() {
  static const size_t bytes = environment_number("CUBN_EMU_STACK_KIB", 64) * 1024;
  return bytes;
}

char *acquire_stack() {
  if (!free_stacks.empty()) {
    char *stack = free_stacks.back();
    free_stacks.pop_back();
    return stack;
  }
  void *mapped = mmap(nullptr, stack_bytes() + kGuardBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) fail("emulator", "no memory for another stack");
  // Beyond about 30000 stacks the kernel refuses to split mappings further; then there is no guard.
  (void)mprotect(mapped, kGuardBytes, PROT_NONE);
  return static_cast<char *>(mapped) + kGuardBytes;
}

void release_stack(char *stack) {
  free_stacks.push_back(stack);
}

#if defined(__x86_64__)

extern "C" void emu_switch_stack(void **saved_stack_pointer, void *next_stack_pointer);

asm(R"(
.text
.globl emu_switch_stack
.type emu_switch_stack,@function
emu_switch_stack:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp,(%rdi)
  mov %rsi,%rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size emu_switch_stack,.-emu_switch_stack
.section .note.GNU-stack,"",@progbits
.text
)");

void prepare_fiber(Fiber &fiber, char *stack, char *top, void (*entry)()) {
  constexpr int kSavedRegisters = 6;
  fiber.stack = stack;
  fiber.sanitizer_context = nullptr;
  void **frame = reinterpret_cast<void **>(top);
  *--frame = nullptr;  // the return address that `entry` would see; keeps the stack aligned
  *--frame = reinterpret_cast<void *>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) *--frame = nullptr;
  fiber.stack_pointer = frame;
}

static void switch_context(Fiber &from, Fiber &to) {
  emu_switch_stack(&from.stack_pointer, to.stack_pointer);
}

#else

void prepare_fiber(Fiber &fiber, char *stack, char *top, void (*entry)()) {
  fiber.stack = stack;
  fiber.sanitizer_context = nullptr;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack;
  fiber.context.uc_stack.ss_size = static_cast<size_t>(top - stack);
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, entry, 0);
}

static void switch_context(Fiber &from, Fiber &to) {
  swapcontext(&from.context, &to.context);
}

#endif

void fiber_started() {
  asan_finish_switch(nullptr);
}

void switch_fiber(Fiber &from, Fiber &to, bool from_ends) {
  asan_start_switch(from_ends ? nullptr : &from.sanitizer_context, to.stack, stack_bytes());
  switch_context(from, to);
  asan_finish_switch(from.sanitizer_context);
}

}  // namespace emu
