#include "suites/support/device_array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

device_array device_array_create(int64_t count, const float *values) {
  device_array array = {.count = count};
  const size_t bytes = (size_t)count * sizeof(float);
  CU_ASSERT_FATAL(cubnCreateBuffer(suite_handle(), bytes, &array.buffer) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnGetBufferPointer(array.buffer, &array.pointer) == CUBN_STATUS_SUCCESS);
  const cubnStatus_t status = values ? cubnUploadBuffer(array.buffer, 0, values, bytes)
                                     : cubnFillBuffer(array.buffer, 0xff);
  CU_ASSERT(status == CUBN_STATUS_SUCCESS);
  return array;
}

device_array device_array_random(int64_t count, unsigned seed, float mean, float spread) {
  float *values = malloc((size_t)count * sizeof *values);
  CU_ASSERT_FATAL(values != NULL);
  unsigned state = seed * 2654435761U + 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    values[i] = mean + spread * ((float)(state >> 8) * 0x1p-23f - 1.0f);
  }
  const device_array array = device_array_create(count, values);
  free(values);
  return array;
}

void device_array_destroy(device_array *array) {
  CU_ASSERT(cubnDestroyBuffer(array->buffer) == CUBN_STATUS_SUCCESS);
  *array = (device_array){0};
}

float *device_array_read(const device_array *array) {
  const size_t bytes = (size_t)array->count * sizeof(float);
  float *values = malloc(bytes + 1);
  CU_ASSERT_FATAL(values != NULL);
  CU_ASSERT(cubnDownloadBuffer(array->buffer, 0, values, bytes) == CUBN_STATUS_SUCCESS);
  return values;
}

bool device_array_same(const char *name, const device_array *a, const device_array *b) {
  float *of_a = device_array_read(a), *of_b = device_array_read(b);
  int64_t differs = -1;
  for (int64_t i = 0; i < a->count && differs < 0; ++i)
    if (memcmp(&of_a[i], &of_b[i], sizeof(float)) != 0) differs = i;
  const bool same = SUITE_CHECK(differs < 0, "%s: element %lld is %g in one and %g in the other",
                                name, (long long)differs, of_a[differs < 0 ? 0 : differs],
                                of_b[differs < 0 ? 0 : differs]);
  free(of_a);
  free(of_b);
  return same;
}
