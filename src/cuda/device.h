/* An open CUDA device, and what every CUDA source file needs to use it. */
#ifndef CUBN_CUDA_DEVICE_H
#define CUBN_CUDA_DEVICE_H

#include <cuda_runtime.h>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/algos.h"

/* Temporary storage of a stream; algos.h says how it is used. */
struct cubn_workspace {
  cudaStream_t stream;
  void *memory; /* CUBN_WORKSPACE_BYTES of algos.h, all 0 when allocated */
  cubn_workspace *next;
};

struct cubn_device {
  int ordinal;
  int sm_count;
  int compute_capability; /* 90 for 9.0 */
  int kernel_capability;  /* that the kernels were compiled for, at most compute_capability */
  int max_threads_per_block;
  size_t shared_bytes_per_block; /* at most, by opt-in */
  size_t l2_bytes;
  int cluster_ranks_max; /* blocks of the largest cluster that the kernels may use; 0 for none */
  /* Dynamic shared memory of a cooperative kernel's block, where one or two run on a multiprocessor;
   * 0 if the device cannot be made to run all blocks of a launch at a time. */
  size_t cooperative_smem_bytes[2];
  bool launches_overlap; /* a kernel may begin before the one before it has ended, if it says so */
  cudaStream_t stream;
  cubn_workspace *workspace;  /* of the current stream; one of the following */
  cubn_workspace *workspaces; /* of all streams that the device was set to */
};

/* SUCCESS for cudaSuccess. Otherwise sets the message "function: name of the error (its text)" and
 * returns DEVICE_ALLOCATION_FAILED if memory is short, else EXECUTION_FAILED. The error is taken
 * off the runtime, so that the caller's next cudaGetLastError does not find it. */
cubnStatus_t cubn_cuda_check(cudaError_t error, const char *function);

/* Makes a device the current one of this thread while the object lives. Costs one query where the
 * device is current already. Every call that launches, allocates or copies holds one. */
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
  int previous_ = -1; /* to be made current again, or -1 */
  cubnStatus_t status_;
};

/* A kernel of the algorithm that accepts everything (strided.cu), to find out whether the library
 * holds kernels for a device. */
const void *cubn_strided_sample_kernel(void);

#endif /* CUBN_CUDA_DEVICE_H */
