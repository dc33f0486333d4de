/* Calls of problem lines in single steps, for tests of streams and graphs. CUDA only. */
#ifndef CUBN_TESTS_CUDA_CALL_H
#define CUBN_TESTS_CUDA_CALL_H

#include <cuda_runtime_api.h>

#include "core/handle.h"
#include "kit/run_line.h"

/* All algorithms, one launch and several, with and without partial sums in the workspace. */
#define LINE_WITH_PARTIAL_SUMS "train nchw f32 n8c1h49w57 inplace"
enum { CUDA_LINES = 11 };
extern const char *const cuda_lines[CUDA_LINES];

/* Checks the error of a call of the runtime. */
bool cuda_ok(cudaError_t error, const char *what);
cudaStream_t cuda_create_stream(void);

typedef struct cuda_call {
  cubnHandle_t handle;
  const char *line;
  line_problem problem;
  data_set before, after;
  run_context run;
} cuda_call;

bool cuda_call_begin(cuda_call *c, cubnHandle_t handle, const char *line);
/* Fills `before` with values whose mean depends on `variant`, as do a factor and lengths in device
 * memory, and makes room for results. */
void cuda_call_make_data(cuda_call *c, int variant);
void cuda_call_drop_data(cuda_call *c);
/* Downloads and compares with the oracle. */
void cuda_call_check(cuda_call *c, const char *algo, const char *when);
void cuda_call_end(cuda_call *c);
/* Waits for the handle's stream. Counters in the workspace are zero between calls. */
void cuda_expect_zero_counters(cubnHandle_t handle, const char *line);

/* Does something with every line and every algorithm that accepts it. */
void cuda_for_each_algo(void (*test)(const char *line, const cubn_algo *algo, void *state),
                        void *state);

#endif /* CUBN_TESTS_CUDA_CALL_H */
