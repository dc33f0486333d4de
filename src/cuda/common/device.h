/* An open CUDA device, and what every source file on the host needs to use it. */
#ifndef CUBN_CUDA_COMMON_DEVICE_H
#define CUBN_CUDA_COMMON_DEVICE_H

#include <cuda.h>
#include <cuda_runtime.h>

#include "core/backend.h"

/* The workspace of a stream; algos.h describes its contents. */
struct cubn_workspace {
  cudaStream_t stream;
  const void *thread; /* The thread whose stream cudaStreamPerThread is; NULL for other streams. */
  void *memory;       /* CUBN_WORKSPACE_BYTES, all 0 when allocated. */
  cubn_workspace *next;
};

struct cubn_device {
  int ordinal;
  CUcontext context; /* In which the device was opened: that of the caller, or the primary one. */
  /* Functions of the driver. They change the context of a thread, and back, without a trace;
   * cudaSetDevice creates a context on each device that it returns to. */
  CUresult (*push_current)(CUcontext context);
  CUresult (*pop_current)(CUcontext *context);
  int sm_count;
  int compute_capability; /* 90 stands for 9.0. */
  int kernel_capability;  /* The capability that the kernels were compiled for. */
  int max_threads_per_block;
  size_t shared_bytes_per_block; /* The most that a kernel can opt in to. */
  size_t l2_bytes;
  /* Why these algorithms cannot be used on the device: static text, or NULL if they can. */
  const char *resident_refusal, *cluster_refusal, *cooperative_refusal;
  size_t tile_smem_bytes; /* The most dynamic shared memory of a block of resident and cluster. */
  int cluster_ranks_max;  /* Blocks of the largest cluster; 0 if cluster is refused. */
  /* The most dynamic shared memory of a cooperative kernel's block if an SM has one block [0] or
   * two [1]. */
  size_t cooperative_smem_bytes[2];
  bool has_dependent_launch; /* Programmatic dependent launches are possible, also in graphs. */
  cudaStream_t stream;
  cubn_workspace *workspaces; /* Those of all streams that the device was set to. */
};

/* Returns SUCCESS for cudaSuccess. Otherwise it sets the message "function: name of the error (its
 * text)" and returns DEVICE_ALLOCATION_FAILED if memory is short, else EXECUTION_FAILED. It clears
 * the error of the runtime, so that the caller's next cudaGetLastError does not find it. */
cubnStatus_t cubn_cuda_check(cudaError_t error, const char *function);

/* The device does not use an algorithm any more, because of an error of the runtime. This sets
 * *refusal to `reason`, clears the error of the runtime, and logs a warning. */
void cubn_cuda_disable(const cubn_device *device, const char *algo, const char **refusal,
                       const char *reason, cudaError_t error);

/* Finds the context of a device that is being opened, and the driver's functions. */
cubnStatus_t cubn_cuda_find_context(cubn_device *device);

/* Makes a device the current one of this thread while the object lives, in the context in which it
 * was opened. It costs one query if the device is current already, and changes nothing then. Every
 * function that launches, allocates or copies has one. */
class cubn_device_scope {
 public:
  explicit cubn_device_scope(const cubn_device *device);
  ~cubn_device_scope();
  cubn_device_scope(const cubn_device_scope &) = delete;
  cubn_device_scope &operator=(const cubn_device_scope &) = delete;

  /* SUCCESS if the device is current. */
  cubnStatus_t status() const { return status_; }

 private:
  /* Takes the context off again, unless it is NULL. The device may be gone by then. */
  CUresult (*pop_current_)(CUcontext *context) = nullptr;
  cubnStatus_t status_;
};

/* A kernel of the algorithm that accepts everything (strided.cu). It serves to find out whether the
 * library contains kernels for a device. */
const void *cubn_strided_sample_kernel(void);

#endif /* CUBN_CUDA_COMMON_DEVICE_H */
