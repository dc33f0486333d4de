/* An open CUDA device, and what every source file on the host needs to use it. */
#ifndef CUBN_CUDA_COMMON_DEVICE_H
#define CUBN_CUDA_COMMON_DEVICE_H

#include <cuda_runtime.h>

#include "core/backend.h"

/* The workspace of a stream; algos.h describes its contents. */
struct cubn_workspace {
  cudaStream_t stream;
  void *memory; /* CUBN_WORKSPACE_BYTES, all 0 when allocated. */
  cubn_workspace *next;
};

struct cubn_device {
  int ordinal;
  int sm_count;
  int compute_capability; /* 90 stands for 9.0. */
  int kernel_capability;  /* The capability that the kernels were compiled for. */
  int max_threads_per_block;
  size_t shared_bytes_per_block; /* The most that a kernel can opt in to. */
  size_t l2_bytes;
  int cluster_ranks_max; /* Blocks of the largest cluster; 0 if there are no clusters. */
  /* The most dynamic shared memory of a cooperative kernel's block if an SM has one block [0] or
   * two [1]. It is 0 if the device cannot make all blocks of a launch co-resident. */
  size_t cooperative_smem_bytes[2];
  bool has_dependent_launch; /* Programmatic dependent launches are possible, also in graphs. */
  cudaStream_t stream;
  cubn_workspace *workspace;  /* The workspace of the current stream; one of `workspaces`. */
  cubn_workspace *workspaces; /* Those of all streams that the device was set to. */
};

/* Returns SUCCESS for cudaSuccess. Otherwise it sets the message "function: name of the error (its
 * text)" and returns DEVICE_ALLOCATION_FAILED if memory is short, else EXECUTION_FAILED. It clears
 * the error of the runtime, so that the caller's next cudaGetLastError does not find it. */
cubnStatus_t cubn_cuda_check(cudaError_t error, const char *function);

/* Makes a device the current one of this thread while the object lives. It costs one query if the
 * device is current already. Every function that launches, allocates or copies has one. */
class cubn_device_scope {
 public:
  explicit cubn_device_scope(int ordinal);
  explicit cubn_device_scope(const cubn_device *device) : cubn_device_scope(device->ordinal) {}
  ~cubn_device_scope();
  cubn_device_scope(const cubn_device_scope &) = delete;
  cubn_device_scope &operator=(const cubn_device_scope &) = delete;

  /* SUCCESS if the device is current. */
  cubnStatus_t status() const { return status_; }

 private:
  int previous_ = -1; /* The device to make current again, or -1. */
  cubnStatus_t status_;
};

/* A kernel of the algorithm that accepts everything (strided.cu). It serves to find out whether the
 * library contains kernels for a device. */
const void *cubn_strided_sample_kernel(void);

#endif /* CUBN_CUDA_COMMON_DEVICE_H */
