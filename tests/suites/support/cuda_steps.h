/* Steps of a program that make the CUDA backend call the runtime. Emulated CUDA only. */
#ifndef CUBN_TESTS_CUDA_STEPS_H
#define CUBN_TESTS_CUDA_STEPS_H

#include <cuda_runtime_api.h>

#include "kit/run_line.h"
#include "suites/support/double_case.h"
#include "suites/support/int8_case.h"

/* What a step works on; cuda_step_end releases whatever is not 0. */
typedef struct cuda_fixture {
  const char *device, *line;
  cubnHandle_t handle;
  cubnBuffer_t buffer;
  cudaStream_t stream;
  data_set data;
  run_context run;
  double_run twice;
  int8_run quantized;
  char bytes[100];
} cuda_fixture;

typedef struct cuda_step {
  const char *name; /* of the function, or of the algorithm of an operation */
  cubnStatus_t (*prepare)(cuda_fixture *);
  cubnStatus_t (*perform)(cuda_fixture *);
  const char *line; /* the line of an operation, or its words; NULL: none */
} cuda_step;

/* The algorithm that the step is to run, or NULL. */
const char *cuda_step_algo(const cuda_step *step);

extern const cuda_step cuda_steps[];
extern const size_t cuda_step_count;

/* Prepares a step on the device of that name, "cuda:N". */
bool cuda_step_begin(cuda_fixture *f, const cuda_step *what, const char *device);
void cuda_step_end(cuda_fixture *f);

#endif /* CUBN_TESTS_CUDA_STEPS_H */
