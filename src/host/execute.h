/* What the functions of cuDNN's interface share: described in one struct, a call is validated and
 * run. */
#ifndef CUBN_HOST_EXECUTE_H
#define CUBN_HOST_EXECUTE_H

#include "core/handle.h"

/* A reserve space as a caller gives it. */
typedef struct cubn_reserve_space {
  void *memory;
  size_t bytes;
} cubn_reserve_space;

/* The first half of cubn_execute: validates a call and completes problem and arguments. */
cubnStatus_t cubn_prepare(cubn_problem *problem, cubn_args *args, cubn_reserve_space reserve,
                          const char *function);

/* Validates and runs a call whose problem and arguments are filled in as the caller gave them.
 * Backward and the classic functions require a reserve space where one is needed; otherwise it is
 * used if it is given. */
cubnStatus_t cubn_execute(cubnHandle_t handle, cubn_problem *problem, cubn_args *args,
                          cubn_reserve_space reserve, const char *function);

/* The same for the first of several virtual batches, or for all of them: batches->are_done tells.
 * It is false before. NULL: there is one. */
cubnStatus_t cubn_execute_batches(cubnHandle_t handle, cubn_problem *problem, cubn_args *args,
                                  cubn_reserve_space reserve, cubn_batches *batches,
                                  const char *function);

/* The arguments of a classic function, what it has not left out. */
typedef struct cubn_classic_call {
  const char *function;
  cubnHandle_t handle;
  cubn_pass pass;
  cubnBatchNormMode_t mode;
  cubnBatchNormOps_t ops;
  cubnActivationDescriptor_t activation;
  const void *alpha, *beta, *param_alpha, *param_beta; /* the last two in backward */
  cubnTensorDescriptor_t descriptors[CUBN_ARRAY_COUNT];
  cubn_args args; /* but for blending */
  cubn_reserve_space reserve;
} cubn_classic_call;

cubnStatus_t cubn_run_classic_call(cubn_classic_call *call);

/* The saved statistics of a backward pass, which only reads them; see cubn_args. */
static inline void *cubn_unconst(const void *pointer) {
  return (void *)(uintptr_t)pointer;
}

#endif /* CUBN_HOST_EXECUTE_H */
