/* A sum over an array, as work for a stream. */
#ifndef CUBN_TESTS_EMU_SELFTEST_SUMMATION_H
#define CUBN_TESTS_EMU_SELFTEST_SUMMATION_H

#include <cuda_runtime_api.h>

enum { N = 5000 };

typedef struct summation {
  float *x;
  float *partial;
  float *out;
  float values[N];
} summation;

/* N values that all equal `value`. */
summation *new_summation(float value);
cudaError_t start_summation(const summation *sum, cudaStream_t stream);

#endif
