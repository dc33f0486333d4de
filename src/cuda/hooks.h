/* The functions behind cubn_cuda_backend, and what they share. From the bottom up: error.cu,
 * context.cu, memory.cu, kernels.cu, workspace.cu, device.cu; backend.cu has the table. */
#ifndef CUBN_CUDA_HOOKS_H
#define CUBN_CUDA_HOOKS_H

#include <cuda_runtime.h>
#include <stddef.h>

#include "core/backend.h"
#include "cuda/common/device.h"

/* ---- memory.cu ---- */

/* While the object lives, this thread may allocate and free even if one of its streams, or of
 * another thread's, is being captured: neither call has anything to do with the captured work. */
class cubn_capture_bypass {
 public:
  cubn_capture_bypass();
  ~cubn_capture_bypass();
  cubn_capture_bypass(const cubn_capture_bypass &) = delete;
  cubn_capture_bypass &operator=(const cubn_capture_bypass &) = delete;
  cubnStatus_t status() const { return status_; }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
  cubnStatus_t status_;
};

/* Memory of the current device that is all 0 when the function returns. */
cubnStatus_t cubn_cuda_malloc_cleared(size_t bytes, void **memory);
/* Waits for the device's work, as cudaFree does, and returns its error. It sets no message, so that
 * what has failed before keeps its own. */
cudaError_t cubn_cuda_free(void *memory);

cubnStatus_t cubn_cuda_allocate(cubn_device *device, size_t bytes, void **pointer);
cubnStatus_t cubn_cuda_release(cubn_device *device, void *pointer);
cubnStatus_t cubn_cuda_upload(cubn_device *device, void *to, const void *from, size_t bytes);
cubnStatus_t cubn_cuda_download(cubn_device *device, void *to, const void *from, size_t bytes);
cubnStatus_t cubn_cuda_fill(cubn_device *device, void *pointer, int value, size_t bytes);
cubnStatus_t cubn_cuda_allocate_host(cubn_device *device, size_t bytes, void **pointer);
cubnStatus_t cubn_cuda_release_host(cubn_device *device, void *pointer);

/* ---- widen.cu ---- */

cubnStatus_t cubn_cuda_widen(cubn_device *device, const cubn_problem *problem, const void *x,
                             void *to);

/* ---- fold.cu ---- */

cubnStatus_t cubn_cuda_fold_behind(cubn_device *device, const cubn_fold_task *task);
cubnStatus_t cubn_cuda_count_nonfinite(cubn_device *device, const cubn_problem *problem,
                                       const void *x, int64_t *count);

/* ---- joint.cu ---- */

cubnStatus_t cubn_cuda_write_block(cubn_device *device, const cubn_joint_task *task,
                                   const cubn_refused_block *refused);
cubnStatus_t cubn_cuda_merge_part(cubn_device *device, const cubn_joint_task *task);
cubnStatus_t cubn_cuda_merge_blocks(cubn_device *device, const cubn_joint_task *task);

/* ---- virtual_batches.cu ---- */

cubnStatus_t cubn_cuda_run_batches(cubn_device *device, const cubn_algo *algo,
                                   const cubn_problem *problem, const cubn_args *args,
                                   cubn_batches *batches);

/* ---- kernels.cu ---- */

/* Loads every kernel in the list. Otherwise the driver loads each when it is first launched, which
 * allocates, and may wait for work of the device. Logs a warning if a kernel cannot be loaded. */
void cubn_cuda_load_kernels(const cubn_device *device);

/* ---- workspace.cu ---- */

cubnStatus_t cubn_cuda_set_stream(cubn_device *device, cubnStream_t stream);
cubnStatus_t cubn_cuda_workspace(cubn_device *device, void **memory, size_t *bytes);
/* Frees the workspaces of all streams, and returns the first error of cubn_cuda_free. The device
 * must be current. */
cudaError_t cubn_cuda_free_workspaces(cubn_device *device);

/* ---- device.cu ---- */

cubnStatus_t cubn_cuda_open(int ordinal, cubn_device **device);
cubnStatus_t cubn_cuda_close(cubn_device *device);

#endif /* CUBN_CUDA_HOOKS_H */
