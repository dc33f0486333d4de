// What runs now: variables that every part of the engine reads. Only the scheduler and the launch
// write them.
#include "engine.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace emu {

__thread Thread *current_thread;
Launch *current_launch;
emu_launch_counts current_counts;
uint32_t sync_sequence;
unsigned launch_seed;

}  // namespace emu
