// The workspaces of a device, one for each stream that the handle was set to.
//
// cudaStreamPerThread is another stream in each thread, so it has a workspace for each thread that
// has set the handle to it. cudaStreamLegacy is the default stream, NULL.
#include <stddef.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"

namespace {

// What tells the calling thread's stream from that of another thread, if it is per thread.
const void *owner_of(cubnStream_t stream) {
  static thread_local const char own = 0;
  return stream == cudaStreamPerThread ? &own : nullptr;
}

// NULL if the handle was not set to the stream, by this thread if the stream is per thread.
cubn_workspace *find_workspace(const cubn_device *device, cubnStream_t stream) {
  const void *const thread = owner_of(stream);
  cubn_workspace *workspace = device->workspaces;
  while (workspace && (workspace->stream != stream || workspace->thread != thread))
    workspace = workspace->next;
  return workspace;
}

cubnStatus_t add_workspace(cubn_device *device, cubnStream_t stream) {
  cubn_workspace *workspace = static_cast<cubn_workspace *>(calloc(1, sizeof *workspace));
  if (!workspace)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "cuda", "no memory for a stream");
  const cubnStatus_t status = cubn_cuda_malloc_cleared(CUBN_WORKSPACE_BYTES, &workspace->memory);
  if (status != CUBN_STATUS_SUCCESS) {
    free(workspace);
    return status;
  }
  workspace->stream = stream;
  workspace->thread = owner_of(stream);
  workspace->next = device->workspaces;
  device->workspaces = workspace;
  return CUBN_STATUS_SUCCESS;
}

}  // namespace

cubnStatus_t cubn_cuda_set_stream(cubn_device *device, cubnStream_t stream) {
  if (stream == cudaStreamLegacy) stream = nullptr;
  if (!find_workspace(device, stream)) {
    const cubn_device_scope scope(device);
    CUBN_TRY(scope.status());
    CUBN_TRY(add_workspace(device, stream));
  }
  device->stream = stream;
  return CUBN_STATUS_SUCCESS;
}

// A call allocates nothing, so a thread must have set the handle to its own stream before.
cubnStatus_t cubn_cuda_workspace(cubn_device *device, void **memory, size_t *bytes) {
  const cubn_workspace *const workspace = find_workspace(device, device->stream);
  if (!workspace)
    return cubn_fail(CUBN_STATUS_BAD_PARAM, "cuda",
                     "handle was set to the stream cudaStreamPerThread by another thread, whose "
                     "stream that is: call cubnSetStream in this thread, too");
  *bytes = CUBN_WORKSPACE_BYTES;
  *memory = workspace->memory;
  return CUBN_STATUS_SUCCESS;
}

cudaError_t cubn_cuda_free_workspaces(cubn_device *device) {
  cudaError_t first = cudaSuccess;
  for (cubn_workspace *workspace = device->workspaces, *next; workspace; workspace = next) {
    next = workspace->next;
    const cudaError_t error = cubn_cuda_free(workspace->memory);
    if (first == cudaSuccess) first = error;
    free(workspace);
  }
  return first;
}
