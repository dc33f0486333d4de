// The table of the CUDA backend: its functions, and the order in which algorithms are tried.
//
// A handle works on its own device whatever device the caller has made current, and leaves the
// caller's choice as it was. Everything that an operation needs is allocated when the handle is
// opened or set to a stream, so that operations only launch.
#include <cuda_runtime.h>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"

namespace {

int ordinal(const cubn_device *device) {
  return device->ordinal;
}

cubnStatus_t synchronize(cubn_device *device) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return cubn_cuda_check(cudaStreamSynchronize(device->stream), "cudaStreamSynchronize");
}

cubnStatus_t query(cubn_device *device, bool *is_busy) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const cudaError_t error = cudaStreamQuery(device->stream);
  *is_busy = error == cudaErrorNotReady;
  return *is_busy ? CUBN_STATUS_SUCCESS : cubn_cuda_check(error, "cudaStreamQuery");
}

const cubn_algo *const train_algos[] = {&cubn_cuda_train_resident,
                                        &cubn_cuda_train_cluster,
                                        &cubn_cuda_train_streamed,
                                        &cubn_cuda_train_cooperative,
                                        &cubn_cuda_train_two_pass,
                                        &cubn_cuda_train_strided,
                                        nullptr};
const cubn_algo *const infer_algos[] = {&cubn_cuda_infer_inference, &cubn_cuda_infer_strided,
                                        nullptr};
const cubn_algo *const backward_algos[] = {&cubn_cuda_backward_resident,
                                           &cubn_cuda_backward_cluster,
                                           &cubn_cuda_backward_streamed,
                                           &cubn_cuda_backward_cooperative,
                                           &cubn_cuda_backward_two_pass,
                                           &cubn_cuda_backward_strided,
                                           nullptr};
const cubn_algo *const double_algos[] = {&cubn_cuda_double_backward_strided, nullptr};
const cubn_algo *const int8_algos[] = {&cubn_cuda_int8, nullptr};

}  // namespace

const cubn_backend cubn_cuda_backend = {
    "cuda",
    CUBN_DEVICE_CUDA,
    cubn_cuda_open,
    cubn_cuda_close,
    ordinal,
    cubn_cuda_set_stream,
    synchronize,
    query,
    cubn_cuda_workspace,
    cubn_cuda_allocate,
    cubn_cuda_release,
    cubn_cuda_upload,
    cubn_cuda_download,
    cubn_cuda_fill,
    cubn_cuda_allocate_host,
    cubn_cuda_release_host,
    cubn_cuda_widen,
    cubn_cuda_fold_behind,
    cubn_cuda_count_nonfinite,
    cubn_cuda_write_block,
    cubn_cuda_merge_part,
    cubn_cuda_merge_blocks,
    {train_algos, infer_algos, backward_algos, double_algos},
    int8_algos,
    cubn_cuda_run_batches,
};
