/* Errors, devices and arrays. */
#include "nn/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message_text[512];

bool nn_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message_text, sizeof message_text, format, arguments);
  va_end(arguments);
  return false;
}

const char *nn_message(void) {
  return message_text;
}

bool nn_check(cubnStatus_t status) {
  if (status == CUBN_STATUS_SUCCESS) return true;
  char text[400];
  cubnGetLastErrorString(text, sizeof text);
  return nn_fail("%s: %s", cubnGetErrorString(status), text);
}

const nn_operations *nn_operations_for(cubnDeviceType_t type) {
#if NN_WITH_CUDA
  if (type == CUBN_DEVICE_CUDA) return &nn_cuda_operations;
#endif
#if NN_WITH_CBLAS
  if (type == CUBN_DEVICE_CPU) return &nn_cpu_operations;
#endif
  (void)type;
  return NULL;
}

static bool choose_operations(nn_device *device) {
  cubnDeviceType_t type;
  if (!nn_check(cubnGetDevice(device->handle, &type, NULL))) return false;
  device->ops = nn_operations_for(type);
  if (device->ops != NULL) return true;
  if (type == CUBN_DEVICE_CPU)
    return nn_fail("this program was built without a CBLAS and cannot use the CPU");
  return nn_fail("this program was built without cuBLAS and cannot use the GPU; choose the cpu");
}

bool nn_device_open(nn_device *device, const char *name) {
  memset(device, 0, sizeof *device);
  /* A GPU that the layers cannot use should not be taken unasked. */
  if (strcmp(name, "auto") == 0 && getenv("CUBN_DEVICE") == NULL &&
      nn_operations_for(CUBN_DEVICE_CUDA) == NULL)
    name = "cpu";
  const cubnStatus_t status = strcmp(name, "auto") == 0 ? cubnCreate(&device->handle)
                                                        : cubnCreateOnDevice(&device->handle, name);
  if (!nn_check(status)) return false;
  if (choose_operations(device) && device->ops->open(device)) return true;
  cubnDestroy(device->handle);
  memset(device, 0, sizeof *device);
  return false;
}

void nn_device_close(nn_device *device) {
  if (device->handle == NULL) return;
  device->ops->close(device);
  cubnDestroy(device->handle);
  memset(device, 0, sizeof *device);
}

bool nn_array_create(nn_device *device, nn_array *array, size_t count) {
  void *pointer = NULL;
  memset(array, 0, sizeof *array);
  if (count > SIZE_MAX / sizeof(float))
    return nn_fail("an array of %zu floats is too large", count);
  if (!nn_check(cubnCreateBuffer(device->handle, count * sizeof(float), &array->buffer)) ||
      !nn_check(cubnGetBufferPointer(array->buffer, &pointer)) ||
      !nn_check(cubnFillBuffer(array->buffer, 0))) {
    nn_array_destroy(array);
    return false;
  }
  array->data = pointer;
  array->count = count;
  return true;
}

void nn_array_destroy(nn_array *array) {
  cubnDestroyBuffer(array->buffer);
  memset(array, 0, sizeof *array);
}

bool nn_array_upload(nn_array *array, const void *from, size_t count) {
  return nn_check(cubnUploadBuffer(array->buffer, 0, from, count * sizeof(float)));
}

bool nn_array_download(const nn_array *array, void *to, size_t count) {
  return nn_check(cubnDownloadBuffer(array->buffer, 0, to, count * sizeof(float)));
}

bool nn_array_set(nn_array *array, float value) {
  float *host = malloc(array->count * sizeof(float) + 1);
  if (host == NULL) return nn_fail("no memory for %zu floats", array->count);
  for (size_t i = 0; i < array->count; i++) host[i] = value;
  const bool done = nn_array_upload(array, host, array->count);
  free(host);
  return done;
}
