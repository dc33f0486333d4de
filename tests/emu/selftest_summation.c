#include "selftest_summation.h"

#include <stdlib.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

enum { BLOCKS = 64, THREADS = 64 };

summation *new_summation(float value) {
  summation *sum = malloc(sizeof *sum);
  for (int i = 0; i < N; ++i) sum->values[i] = value;
  sum->x = upload(sum->values, sizeof sum->values);
  sum->partial = upload(NULL, BLOCKS * 4);
  sum->out = upload(NULL, 4);
  return sum;
}

cudaError_t start_summation(const summation *sum, cudaStream_t stream) {
  return launch_two_stage_sum(sum->x, sum->partial, sum->out, N, BLOCKS, THREADS, stream);
}
