// Private to the emulator: stacks and the switch between them.
#pragma once

#include "engine.h"

namespace emu {

size_t stack_bytes();
char *acquire_stack();
void release_stack(char *stack);

// Prepares a fiber that runs `entry` on the part of `stack` below `top`.
void prepare_fiber(Fiber &fiber, char *stack, char *top, void (*entry)());

// Must be the first call on a new fiber.
void fiber_started();

// Suspends `from` and resumes `to`. `from_ends`: it will not be resumed.
void switch_fiber(Fiber &from, Fiber &to, bool from_ends);

}  // namespace emu
