/* The CUDA algorithms, and what they and the backend agree on. */
#ifndef CUBN_CUDA_ALGOS_H
#define CUBN_CUDA_ALGOS_H

#include "core/backend.h"

/* The workspace of a stream. Its first CUBN_COUNTER_BYTES hold counters of unsigned int that are
 * zero between operations: the backend clears the workspace once, when it allocates it, and every
 * kernel that counts there returns its counters to zero. What follows is scratch memory with
 * undefined content. The size is fixed, so that an operation never allocates; algorithms that need
 * more work on slices of the channels. */
#define CUBN_COUNTER_BYTES ((size_t)64 << 10)
#define CUBN_WORKSPACE_BYTES ((size_t)8 << 20)

#ifdef __cplusplus
extern "C" {
#endif

/* resident.cu: a block holds a group of channels in shared memory; x is read once. */
extern const cubn_algo cubn_cuda_train_resident;
extern const cubn_algo cubn_cuda_backward_resident;

/* cluster.cu: the blocks of a cluster hold a group of channels; x is read once. */
extern const cubn_algo cubn_cuda_train_cluster;
extern const cubn_algo cubn_cuda_backward_cluster;

/* streamed.cu: one launch; x is read again while it is in the L2 cache. */
extern const cubn_algo cubn_cuda_train_streamed;
extern const cubn_algo cubn_cuda_backward_streamed;

/* cooperative.cu: the blocks of the whole device hold a group of channels; x is read once, or nearly. */
extern const cubn_algo cubn_cuda_train_cooperative;
extern const cubn_algo cubn_cuda_backward_cooperative;

/* two_pass.cu: every non-empty problem of rows or columns. */
extern const cubn_algo cubn_cuda_train_two_pass;
extern const cubn_algo cubn_cuda_backward_two_pass;

/* inference.cu: rows and columns. */
extern const cubn_algo cubn_cuda_infer_inference;

/* strided.cu: every valid problem. */
extern const cubn_algo cubn_cuda_train_strided;
extern const cubn_algo cubn_cuda_infer_strided;
extern const cubn_algo cubn_cuda_backward_strided;

/* How cooperative deals a problem to blocks, and what it expects of that. */
typedef struct cubn_block_group_plan {
  int64_t groups, block_groups, ranks; /* groups of channels; crews of so many blocks */
  int64_t tiles_per_block, slots;      /* of a group; those that stay in shared memory */
  int64_t moved_bytes;                 /* to and from memory, for all groups */
  double all_reduces;                  /* that nothing else is done during */
} cubn_block_group_plan;
cubn_block_group_plan cubn_cooperative_plan(const cubn_device *device, const cubn_problem *problem);

/* Called once when a device is opened, with that device current: sets the attributes of kernels
 * that need more shared memory than the default. */
cubnStatus_t cubn_resident_prepare(cubn_device *device);
/* The same; and finds out how large clusters may be. */
cubnStatus_t cubn_cluster_prepare(cubn_device *device);
/* The same; and finds out whether all blocks of a launch can run at a time. */
cubnStatus_t cubn_cooperative_prepare(cubn_device *device);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CUDA_ALGOS_H */
