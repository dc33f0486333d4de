/* The CUDA algorithms, and the contract between them and the backend. */
#ifndef CUBN_CUDA_COMMON_ALGOS_H
#define CUBN_CUDA_COMMON_ALGOS_H

#include "core/backend.h"

/* The workspace of a stream. Its first CUBN_COUNTER_BYTES contain counters of unsigned int that are
 * zero between operations: the backend clears the workspace once, when it allocates it, and every
 * kernel that counts there sets its counters back to zero. The other bytes are scratch memory with
 * undefined content. The size is fixed, so that an operation never allocates; algorithms that need
 * more work on slices of the channels. */
#define CUBN_COUNTER_BYTES ((size_t)64 << 10)
#define CUBN_WORKSPACE_BYTES ((size_t)8 << 20)

#ifdef __cplusplus
extern "C" {
#endif

/* resident.cu: a block keeps a channel group in shared memory; x is read once. */
extern const cubn_algo cubn_cuda_train_resident;
extern const cubn_algo cubn_cuda_backward_resident;

/* For cubn_backend.run_batches, on the current device, but for what all batches add to. */
cubnStatus_t cubn_resident_run_batches(cubn_device *device, const cubn_problem *problem,
                                       const cubn_args *args, cubn_batches *batches);
cubnStatus_t cubn_cluster_run_batches(cubn_device *device, const cubn_problem *problem,
                                      const cubn_args *args, cubn_batches *batches);

/* cluster.cu: the blocks of a cluster keep a channel group; x is read once. */
extern const cubn_algo cubn_cuda_train_cluster;
extern const cubn_algo cubn_cuda_backward_cluster;

/* streamed.cu: one launch; x is read again while it is in the L2 cache. */
extern const cubn_algo cubn_cuda_train_streamed;
extern const cubn_algo cubn_cuda_backward_streamed;

/* cooperative.cu: block groups keep a channel group; x is read once, or nearly so. */
extern const cubn_algo cubn_cuda_train_cooperative;
extern const cubn_algo cubn_cuda_backward_cooperative;

/* two_pass.cu: x is read twice; for every non-empty problem of rows or columns. */
extern const cubn_algo cubn_cuda_train_two_pass;
extern const cubn_algo cubn_cuda_backward_two_pass;

/* inference.cu: for rows and columns. */
extern const cubn_algo cubn_cuda_infer_inference;

/* strided.cu: for every valid problem. */
extern const cubn_algo cubn_cuda_train_strided;
extern const cubn_algo cubn_cuda_infer_strided;
extern const cubn_algo cubn_cuda_backward_strided;
extern const cubn_algo cubn_cuda_double_backward_strided;

/* int8.cu: quantized inference, every problem. */
extern const cubn_algo cubn_cuda_int8;

/* How cooperative partitions a problem among blocks, and what it expects to move. */
typedef struct cubn_block_group_plan {
  int64_t groups;          /* Channel groups; 0 if there is no partition. */
  int64_t block_groups;    /* Block groups, each of `ranks` blocks. */
  int64_t ranks;           /* Blocks of a block group. */
  int64_t tiles_per_block; /* Tiles of a channel group that a block has. */
  int64_t buffers;         /* Tiles that a block keeps in shared memory. */
  int64_t moved_bytes;     /* Bytes to and from memory, for all channel groups. */
  double all_reduces;      /* All-reduces during which nothing is moved. */
} cubn_block_group_plan;

cubn_block_group_plan cubn_cooperative_plan(const cubn_device *device, const cubn_problem *problem);

/* Preparation of an algorithm, once when a device is opened, with that device current. It sets the
 * attributes of kernels that need more shared memory than the default. If anything fails, the
 * device does without the algorithm. */
void cubn_resident_prepare(cubn_device *device);
/* As cubn_resident_prepare. It also determines the largest size of a cluster. */
void cubn_cluster_prepare(cubn_device *device);
/* As cubn_resident_prepare. It also determines whether all blocks can be co-resident. */
void cubn_cooperative_prepare(cubn_device *device);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CUDA_COMMON_ALGOS_H */
