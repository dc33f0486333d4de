/* Arrays of floats on the suite's device, for tests that make several calls on the same memory. */
#ifndef CUBN_TESTS_DEVICE_ARRAY_H
#define CUBN_TESTS_DEVICE_ARRAY_H

#include "suites/support/suite.h"

typedef struct device_array {
  cubnBuffer_t buffer;
  void *pointer;
  int64_t count;
} device_array;

/* Creates an array of values[i], or of NaN if values is NULL. */
device_array device_array_create(int64_t count, const float *values);
/* Creates an array of values that vary without a pattern, in (mean - spread, mean + spread). */
device_array device_array_random(int64_t count, unsigned seed, float mean, float spread);
void device_array_destroy(device_array *array);

/* Returns the content, which the caller frees. */
float *device_array_read(const device_array *array);

/* Checks that both hold the same bits. */
bool device_array_same(const char *name, const device_array *a, const device_array *b);

#endif /* CUBN_TESTS_DEVICE_ARRAY_H */
