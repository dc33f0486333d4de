/* Device memory for programs that run on every backend. */
#include <stdlib.h>

#include "core/check.h"
#include "core/error.h"
#include "core/handle.h"

struct cubnBufferStruct {
  cubn_object object;
  cubnHandle_t handle;
  void *pointer;
  size_t bytes;
};

cubnStatus_t cubnCreateBuffer(cubnHandle_t handle, size_t bytes, cubnBuffer_t *buffer) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_REQUIRE(buffer, __func__, "buffer is NULL");
  cubnBuffer_t created = malloc(sizeof *created);
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, __func__, "no memory for a buffer");
  *created = (struct cubnBufferStruct){{CUBN_BUFFER}, handle, NULL, bytes};
  if (bytes > 0) {
    const cubnStatus_t status =
        cubn_within(__func__, handle->backend->allocate(handle->device, bytes, &created->pointer));
    if (status != CUBN_STATUS_SUCCESS) {
      free(created);
      return status;
    }
  }
  ++handle->buffers;
  *buffer = created;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnDestroyBuffer(cubnBuffer_t buffer) {
  if (!buffer) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE_OBJECT(buffer, CUBN_BUFFER, __func__, "buffer");
  cubnHandle_t handle = buffer->handle;
  cubnStatus_t status = CUBN_STATUS_SUCCESS;
  if (buffer->pointer)
    status = cubn_within(__func__, handle->backend->release(handle->device, buffer->pointer));
  --handle->buffers;
  cubn_object_end(&buffer->object);
  free(buffer);
  return status;
}

cubnStatus_t cubnGetBufferPointer(cubnBuffer_t buffer, void **pointer) {
  CUBN_REQUIRE_OBJECT(buffer, CUBN_BUFFER, __func__, "buffer");
  CUBN_REQUIRE(pointer, __func__, "pointer is NULL");
  *pointer = buffer->pointer;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetBufferSize(cubnBuffer_t buffer, size_t *bytes) {
  CUBN_REQUIRE_OBJECT(buffer, CUBN_BUFFER, __func__, "buffer");
  CUBN_REQUIRE(bytes, __func__, "bytes is NULL");
  *bytes = buffer->bytes;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_range(const char *function, cubnBuffer_t buffer, size_t offset,
                                size_t bytes) {
  CUBN_REQUIRE_OBJECT(buffer, CUBN_BUFFER, function, "buffer");
  CUBN_REQUIRE(offset <= buffer->bytes && bytes <= buffer->bytes - offset, function,
               "offset %zu and bytes %zu reach beyond the %zu bytes of the buffer", offset, bytes,
               buffer->bytes);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnUploadBuffer(cubnBuffer_t buffer, size_t offset, const void *source,
                              size_t bytes) {
  CUBN_TRY(check_range(__func__, buffer, offset, bytes));
  if (bytes == 0) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE(source, __func__, "source is NULL");
  const cubnHandle_t handle = buffer->handle;
  return cubn_within(
      __func__,
      handle->backend->upload(handle->device, (char *)buffer->pointer + offset, source, bytes));
}

cubnStatus_t cubnDownloadBuffer(cubnBuffer_t buffer, size_t offset, void *destination,
                                size_t bytes) {
  CUBN_TRY(check_range(__func__, buffer, offset, bytes));
  if (bytes == 0) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE(destination, __func__, "destination is NULL");
  const cubnHandle_t handle = buffer->handle;
  return cubn_within(__func__, handle->backend->download(handle->device, destination,
                                                         (char *)buffer->pointer + offset, bytes));
}

cubnStatus_t cubnFillBuffer(cubnBuffer_t buffer, int value) {
  CUBN_REQUIRE_OBJECT(buffer, CUBN_BUFFER, __func__, "buffer");
  CUBN_REQUIRE(value >= 0 && value <= 255, __func__, "value is %d, must be 0 to 255", value);
  if (buffer->bytes == 0) return CUBN_STATUS_SUCCESS;
  const cubnHandle_t handle = buffer->handle;
  return cubn_within(__func__,
                     handle->backend->fill(handle->device, buffer->pointer, value, buffer->bytes));
}
