/* Handles: which device, which stream, and what the environment says. */
#include "core/handle.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log.h"
#include "host/faults.h"
#include "host/ranges.h"
#include "host/select.h"

#if CUBN_WITH_CUDA
static const cubn_backend *const cuda_backend = &cubn_cuda_backend;
#else
static const cubn_backend *const cuda_backend = NULL;
#endif

/* What a device name asks for. */
typedef struct device_request {
  const cubn_backend *backend; /* NULL: CUDA, but the library was built without it */
  int ordinal;                 /* -1: the current device */
} device_request;

/* Reads "cpu", "cuda" or "cuda:N". `argument` names the source of the text in messages. */
static cubnStatus_t parse_device(const char *function, const char *argument, const char *text,
                                 device_request *request) {
  *request = (device_request){&cubn_cpu_backend, -1};
  if (strcmp(text, "cpu") == 0) return CUBN_STATUS_SUCCESS;
  request->backend = cuda_backend;
  if (strcmp(text, "cuda") == 0) return CUBN_STATUS_SUCCESS;
  if (strncmp(text, "cuda:", 5) == 0 && text[5] >= '0' && text[5] <= '9') {
    char *end;
    const long ordinal = strtol(text + 5, &end, 10);
    if (*end == '\0' && ordinal <= 65535) {
      request->ordinal = (int)ordinal;
      return CUBN_STATUS_SUCCESS;
    }
  }
  return cubn_fail(CUBN_STATUS_BAD_PARAM, function,
                   "%s is \"%s\", must be cpu, cuda or cuda:N with a device number N", argument,
                   text);
}

/* Reads the variables of the log, CUBN_ALGO, and those of tools. */
static cubnStatus_t read_environment(const char *function, cubnHandle_t handle) {
  CUBN_TRY(cubn_log_read_environment(function));
  handle->has_ranges = cubn_ranges_wanted();
  const char *algo = getenv("CUBN_ALGO");
  if (!algo || !*algo) return CUBN_STATUS_SUCCESS;
  char names[CUBN_ALGO_NAMES_MAX];
  cubn_algo_names(names, sizeof names);
  CUBN_REQUIRE(strlen(algo) < CUBN_ALGO_NAME_MAX && cubn_algo_exists(algo), function,
               "CUBN_ALGO is \"%s\", must be one of %s", algo, names);
  strcpy(handle->forced_algo, algo);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t create(const char *function, const device_request *request,
                           cubnHandle_t *result) {
  if (!request->backend)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "device cuda: this library was built without CUDA");
  cubnHandle_t handle = calloc(1, sizeof *handle);
  if (!handle)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, function, "no memory for a handle");
  handle->object.kind = CUBN_HANDLE;
  handle->backend = request->backend;
  cubnStatus_t status = read_environment(function, handle);
  if (status == CUBN_STATUS_SUCCESS)
    status = cubn_within(function, handle->backend->open(request->ordinal, &handle->device));
  if (status != CUBN_STATUS_SUCCESS) {
    free(handle);
    return status;
  }
  cubn_log_device(handle);
  *result = handle;
  return CUBN_STATUS_SUCCESS;
}

/* The GPU if there is one, else the CPU, without a trace of the failed attempt. */
static cubnStatus_t create_on_any(const char *function, cubnHandle_t *handle) {
  if (cuda_backend) {
    char message[CUBN_MESSAGE_MAX];
    memcpy(message, cubn_last_message(), sizeof message);
    cubn_log_set_trying(true);
    const cubnStatus_t status = create(function, &(device_request){cuda_backend, -1}, handle);
    cubn_log_set_trying(false);
    if (status == CUBN_STATUS_SUCCESS) return status;
    if (status != CUBN_STATUS_NOT_SUPPORTED) {
      cubn_log_failure(status, function, cubn_last_message());
      return status;
    }
    cubn_log(NULL, CUBN_SEV_WARNING, CUBN_STATUS_SUCCESS, "the CPU is used: %s",
             cubn_last_message());
    memcpy(cubn_last_message(), message, sizeof message);
  }
  return create(function, &(device_request){&cubn_cpu_backend, -1}, handle);
}

cubnStatus_t cubnCreate(cubnHandle_t *handle) {
  CUBN_REQUIRE(handle, __func__, "handle is NULL");
  const char *device = getenv("CUBN_DEVICE");
  if (!device || !*device) return create_on_any(__func__, handle);
  device_request request;
  CUBN_TRY(parse_device(__func__, "CUBN_DEVICE", device, &request));
  return create(__func__, &request, handle);
}

cubnStatus_t cubnCreateOnDevice(cubnHandle_t *handle, const char *device) {
  CUBN_REQUIRE(handle, __func__, "handle is NULL");
  CUBN_REQUIRE(device, __func__, "device is NULL");
  device_request request;
  CUBN_TRY(parse_device(__func__, "device", device, &request));
  return create(__func__, &request, handle);
}

cubnStatus_t cubnDestroy(cubnHandle_t handle) {
  if (!handle) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_REQUIRE(handle->buffers == 0, __func__, "handle still has %lld buffers, destroy these first",
               (long long)handle->buffers);
  const cubnStatus_t status = cubn_within(__func__, handle->backend->close(handle->device));
  cubn_object_end(&handle->object);
  free(handle);
  return status;
}

cubnStatus_t cubnGetDevice(cubnHandle_t handle, cubnDeviceType_t *type, int *ordinal) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  if (type) *type = handle->backend->type;
  if (ordinal) *ordinal = handle->backend->ordinal(handle->device);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSetStream(cubnHandle_t handle, cubnStream_t stream) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_TRY(cubn_within(__func__, handle->backend->set_stream(handle->device, stream)));
  handle->stream = stream;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetStream(cubnHandle_t handle, cubnStream_t *stream) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_REQUIRE(stream, __func__, "stream is NULL");
  *stream = handle->stream;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnQueryRuntimeError(cubnHandle_t handle, cubnStatus_t *status,
                                   cubnErrQueryMode_t mode, cubnRuntimeTag_t *tag) {
  (void)tag;
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_REQUIRE(status, __func__, "status is NULL");
  CUBN_REQUIRE(mode >= CUBN_ERRQUERY_RAWCODE && mode <= CUBN_ERRQUERY_BLOCKING, __func__,
               "mode is %d, which is no cubnErrQueryMode_t", (int)mode);
  bool is_busy = false;
  const cubnStatus_t found = mode == CUBN_ERRQUERY_BLOCKING ? cubn_await_faults(handle)
                                                            : cubn_query_faults(handle, &is_busy);
  *status = is_busy ? CUBN_STATUS_RUNTIME_IN_PROGRESS : cubn_within(__func__, found);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSynchronize(cubnHandle_t handle) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  return cubn_within(__func__, cubn_await_faults(handle));
}
