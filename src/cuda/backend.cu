// The CUDA backend: devices, streams, memory, and the order in which algorithms are tried.
//
// A handle works on its own device whatever device the caller has made current, and leaves the
// caller's choice as it was. Everything that an operation needs is allocated when the handle is
// opened or set to a stream, so that operations only launch.
#include <stdlib.h>

#include "cuda/device.h"

cubnStatus_t cubn_cuda_check(cudaError_t error, const char *function) {
  if (error == cudaSuccess) return CUBN_STATUS_SUCCESS;
  cudaGetLastError();
  const cubnStatus_t status = error == cudaErrorMemoryAllocation
                                  ? CUBN_STATUS_DEVICE_ALLOCATION_FAILED
                                  : CUBN_STATUS_EXECUTION_FAILED;
  return cubn_fail(status, function, "%s (%s)", cudaGetErrorName(error), cudaGetErrorString(error));
}

cubn_device_scope::cubn_device_scope(int ordinal) {
  int current = -1;
  status_ = cubn_cuda_check(cudaGetDevice(&current), "cudaGetDevice");
  if (status_ != CUBN_STATUS_SUCCESS || current == ordinal) return;
  status_ = cubn_cuda_check(cudaSetDevice(ordinal), "cudaSetDevice");
  if (status_ == CUBN_STATUS_SUCCESS) previous_ = current;
}

cubn_device_scope::~cubn_device_scope() {
  // The previous device was current a moment ago; should it be lost now, its owner will notice.
  if (previous_ >= 0 && cudaSetDevice(previous_) != cudaSuccess) cudaGetLastError();
}

namespace {

// Lets this thread allocate and free while one of its streams, or of another thread's, is being
// captured: neither call has anything to do with the captured work.
class capture_bypass {
 public:
  capture_bypass() {
    status_ = cubn_cuda_check(cudaThreadExchangeStreamCaptureMode(&mode_),
                              "cudaThreadExchangeStreamCaptureMode");
  }
  ~capture_bypass() {
    if (status_ == CUBN_STATUS_SUCCESS &&
        cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess)
      cudaGetLastError();
  }
  capture_bypass(const capture_bypass &) = delete;
  capture_bypass &operator=(const capture_bypass &) = delete;
  cubnStatus_t status() const { return status_; }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
  cubnStatus_t status_;
};

cubnStatus_t allocate(size_t bytes, void **pointer) {
  *pointer = nullptr;
  const cudaError_t error = cudaMalloc(pointer, bytes);
  if (error != cudaErrorMemoryAllocation) return cubn_cuda_check(error, "cudaMalloc");
  cudaGetLastError();
  return cubn_fail(CUBN_STATUS_DEVICE_ALLOCATION_FAILED, "cudaMalloc", "%zu bytes: %s (%s)", bytes,
                   cudaGetErrorName(error), cudaGetErrorString(error));
}

void release(void *pointer) {
  if (cudaFree(pointer) != cudaSuccess) cudaGetLastError();  // nobody is left to be told
}

// Sets memory to 0 before returning, on a stream of its own: the stream that the memory is for may
// be in capture, and would then put it off until the graph is launched.
cubnStatus_t clear(void *memory, size_t bytes) {
  cudaStream_t stream;
  CUBN_TRY(cubn_cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
                           "cudaStreamCreateWithFlags"));
  cubnStatus_t status =
      cubn_cuda_check(cudaMemsetAsync(memory, 0, bytes, stream), "cudaMemsetAsync");
  if (status == CUBN_STATUS_SUCCESS)
    status = cubn_cuda_check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  const cubnStatus_t destroyed = cubn_cuda_check(cudaStreamDestroy(stream), "cudaStreamDestroy");
  return status != CUBN_STATUS_SUCCESS ? status : destroyed;
}

cubnStatus_t allocate_cleared(size_t bytes, void **memory) {
  const capture_bypass bypass;
  CUBN_TRY(bypass.status());
  CUBN_TRY(allocate(bytes, memory));
  const cubnStatus_t status = clear(*memory, bytes);
  if (status != CUBN_STATUS_SUCCESS) release(*memory);
  return status;
}

cubnStatus_t add_workspace(cubn_device *device, cubnStream_t stream) {
  cubn_workspace *workspace = static_cast<cubn_workspace *>(calloc(1, sizeof *workspace));
  if (!workspace)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "cuda", "no memory for a stream");
  const cubnStatus_t status = allocate_cleared(CUBN_WORKSPACE_BYTES, &workspace->memory);
  if (status != CUBN_STATUS_SUCCESS) {
    free(workspace);
    return status;
  }
  workspace->stream = stream;
  workspace->next = device->workspaces;
  device->workspaces = workspace;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cuda_set_stream(cubn_device *device, cubnStream_t stream) {
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

// NOT_SUPPORTED where there is nothing to be used: the caller may go on with a CPU. Anything else
// that keeps a device from working is an error.
cubnStatus_t count_devices(int *count) {
  const cudaError_t error = cudaGetDeviceCount(count);
  switch (error) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      cudaGetLastError();
      return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cuda", "there is no usable GPU: %s (%s)",
                       cudaGetErrorName(error), cudaGetErrorString(error));
    default:
      return cubn_cuda_check(error, "cudaGetDeviceCount");
  }
}

cubnStatus_t read_attribute(cudaDeviceAttr attribute, int ordinal, int *value) {
  return cubn_cuda_check(cudaDeviceGetAttribute(value, attribute, ordinal),
                         "cudaDeviceGetAttribute");
}

cubnStatus_t read_attributes(cubn_device *device) {
  const int ordinal = device->ordinal;
  int major = 0, minor = 0, shared = 0, l2 = 0;
  CUBN_TRY(read_attribute(cudaDevAttrMultiProcessorCount, ordinal, &device->sm_count));
  CUBN_TRY(read_attribute(cudaDevAttrComputeCapabilityMajor, ordinal, &major));
  CUBN_TRY(read_attribute(cudaDevAttrComputeCapabilityMinor, ordinal, &minor));
  CUBN_TRY(read_attribute(cudaDevAttrMaxThreadsPerBlock, ordinal, &device->max_threads_per_block));
  CUBN_TRY(read_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, ordinal, &shared));
  CUBN_TRY(read_attribute(cudaDevAttrL2CacheSize, ordinal, &l2));
  device->compute_capability = 10 * major + minor;
  device->shared_bytes_per_block = static_cast<size_t>(shared);
  device->l2_bytes = static_cast<size_t>(l2);
  return CUBN_STATUS_SUCCESS;
}

// Whether the library holds machine code, or code that the driver can translate, for the device.
cubnStatus_t check_kernel_image(cubn_device *device) {
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, cubn_strided_sample_kernel());
  switch (error) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion:
      cudaGetLastError();
      return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cuda",
                       "device cuda:%d has compute capability %d.%d, for which this library was "
                       "not built: %s (%s)",
                       device->ordinal, device->compute_capability / 10,
                       device->compute_capability % 10, cudaGetErrorName(error),
                       cudaGetErrorString(error));
    default:
      break;
  }
  CUBN_TRY(cubn_cuda_check(error, "cudaFuncGetAttributes"));
  device->kernel_capability = attributes.ptxVersion < device->compute_capability
                                  ? attributes.ptxVersion
                                  : device->compute_capability;
  // Older drivers cannot capture launches that overlap into a graph.
  constexpr int DRIVER_MIN = 12030;
  int driver = 0;
  CUBN_TRY(cubn_cuda_check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion"));
  device->launches_overlap =
      device->kernel_capability >= 90 && driver >= DRIVER_MIN && CUDART_VERSION >= DRIVER_MIN;
  return CUBN_STATUS_SUCCESS;
}

// Waits for the work: freeing device memory does.
void cuda_close(cubn_device *device) {
  const cubn_device_scope scope(device);
  const capture_bypass bypass;
  for (cubn_workspace *workspace = device->workspaces, *next; workspace; workspace = next) {
    next = workspace->next;
    release(workspace->memory);
    free(workspace);
  }
  free(device);
}

cubnStatus_t prepare(cubn_device *device) {
  CUBN_TRY(read_attributes(device));
  CUBN_TRY(check_kernel_image(device));
  CUBN_TRY(cubn_resident_prepare(device));
  CUBN_TRY(cubn_cluster_prepare(device));
  CUBN_TRY(cubn_cooperative_prepare(device));
  return cuda_set_stream(device, nullptr);
}

cubnStatus_t cuda_open(int ordinal, cubn_device **device) {
  int count = 0;
  CUBN_TRY(count_devices(&count));
  if (ordinal < 0) CUBN_TRY(cubn_cuda_check(cudaGetDevice(&ordinal), "cudaGetDevice"));
  if (ordinal >= count)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cuda",
                     "device cuda:%d does not exist, the number of devices is %d", ordinal, count);
  const cubn_device_scope scope(ordinal);
  CUBN_TRY(scope.status());
  cubn_device *opened = static_cast<cubn_device *>(calloc(1, sizeof *opened));
  if (!opened)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "cuda", "no memory for a device");
  opened->ordinal = ordinal;
  const cubnStatus_t status = prepare(opened);
  if (status != CUBN_STATUS_SUCCESS) {
    cuda_close(opened);
    return status;
  }
  *device = opened;
  return CUBN_STATUS_SUCCESS;
}

int cuda_ordinal(const cubn_device *device) {
  return device->ordinal;
}

cubnStatus_t cuda_synchronize(cubn_device *device) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return cubn_cuda_check(cudaStreamSynchronize(device->stream), "cudaStreamSynchronize");
}

cubnStatus_t cuda_query(cubn_device *device, bool *is_busy) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const cudaError_t error = cudaStreamQuery(device->stream);
  *is_busy = error == cudaErrorNotReady;
  return *is_busy ? CUBN_STATUS_SUCCESS : cubn_cuda_check(error, "cudaStreamQuery");
}

void *cuda_workspace(cubn_device *device, size_t *bytes) {
  *bytes = CUBN_WORKSPACE_BYTES;
  return device->workspace->memory;
}

cubnStatus_t cuda_allocate(cubn_device *device, size_t bytes, void **pointer) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const capture_bypass bypass;
  CUBN_TRY(bypass.status());
  return allocate(bytes, pointer);
}

// Waits for the device's work, as cudaFree does.
void cuda_release(cubn_device *device, void *pointer) {
  const cubn_device_scope scope(device);
  const capture_bypass bypass;
  release(pointer);
}

cubnStatus_t copy(cubn_device *device, void *to, const void *from, size_t bytes,
                  cudaMemcpyKind kind) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  CUBN_TRY(
      cubn_cuda_check(cudaMemcpyAsync(to, from, bytes, kind, device->stream), "cudaMemcpyAsync"));
  return cubn_cuda_check(cudaStreamSynchronize(device->stream), "cudaStreamSynchronize");
}

cubnStatus_t cuda_upload(cubn_device *device, void *to, const void *from, size_t bytes) {
  return copy(device, to, from, bytes, cudaMemcpyHostToDevice);
}

cubnStatus_t cuda_download(cubn_device *device, void *to, const void *from, size_t bytes) {
  return copy(device, to, from, bytes, cudaMemcpyDeviceToHost);
}

cubnStatus_t cuda_fill(cubn_device *device, void *pointer, int value, size_t bytes) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return cubn_cuda_check(cudaMemsetAsync(pointer, value, bytes, device->stream), "cudaMemsetAsync");
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

}  // namespace

const cubn_backend cubn_cuda_backend = {
    "cuda",           CUBN_DEVICE_CUDA, cuda_open,
    cuda_close,       cuda_ordinal,     cuda_set_stream,
    cuda_synchronize, cuda_query,       cuda_workspace,
    cuda_allocate,    cuda_release,     cuda_upload,
    cuda_download,    cuda_fill,        {train_algos, infer_algos, backward_algos},
};
