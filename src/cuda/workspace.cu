// The workspaces of a device, one for each stream that the handle was set to.
#include <stddef.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"

namespace {

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
  workspace->next = device->workspaces;
  device->workspaces = workspace;
  return CUBN_STATUS_SUCCESS;
}

}  // namespace

cubnStatus_t cubn_cuda_set_stream(cubn_device *device, cubnStream_t stream) {
  cubn_workspace *workspace = device->workspaces;
  while (workspace && workspace->stream != stream) workspace = workspace->next;
  if (!workspace) {
    const cubn_device_scope scope(device);
    CUBN_TRY(scope.status());
    CUBN_TRY(add_workspace(device, stream));
    workspace = device->workspaces;
  }
  device->stream = stream;
  device->workspace = workspace;
  return CUBN_STATUS_SUCCESS;
}

void *cubn_cuda_workspace(cubn_device *device, size_t *bytes) {
  *bytes = CUBN_WORKSPACE_BYTES;
  return device->workspace->memory;
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
