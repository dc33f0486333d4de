/* What the CPU backend reads from the machine and the environment, once per handle. */
#ifndef CUBN_CPU_COMMON_MACHINE_H
#define CUBN_CPU_COMMON_MACHINE_H

#include "core/backend.h"
#include "cpu/kernels/masked.h"

typedef struct cubn_machine {
  int64_t l2_bytes;  /* second level: one core's own */
  int64_t llc_bytes; /* last level: of the cores that share it */
  int threads;       /* at most so many work on a call */
  /* For the element types that have fast kernels; see cubn_machine_kernels. */
  const cubn_kernels *f32, *f64, *f16, *bf16;
} cubn_machine;

/* Reads sizes of caches, and CUBN_CPU_TARGET: an error if the CPU or this build cannot do that
 * target. `threads` is CUBN_THREADS, or 0. */
cubnStatus_t cubn_machine_read(int threads, cubn_machine *machine);

/* The kernels for an element type. */
const cubn_kernels *cubn_machine_kernels(const cubn_machine *machine, cubnDataType_t type);

/* The kernel of elements with bits, of the same target and type. */
const cubn_masked_kernels *cubn_machine_masked(const cubn_kernels *kernels);

#endif /* CUBN_CPU_COMMON_MACHINE_H */
