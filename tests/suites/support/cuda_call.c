#ifdef CUBN_TESTS_CUDA
#include "suites/support/cuda_call.h"

#include <string.h>

#include "cuda/common/algos.h"
#include "suites/support/expect_error.h"

const char *const cuda_lines[CUDA_LINES] = {
    "train nchw f32 n4c6h8w9",         "train nhwc f16 n4c16h5w7",
    "train nchw+1 bf16 n3c2h33w33",    LINE_WITH_PARTIAL_SUMS,
    "infer nchw f32 n4c6h8w9 beta=.5", "infer nhwc+1 f64 n2c5h3w3",
    "backward nchw f32 n4c6h8w9",      "backward nhwc f16 n4c16h5w7 nosaved",
    "backward nchw f32 n8c1h49w57",    "backward nchw+1:nhwc f32 n6c2h33w33 nosaved",
    "train ncw f32 n6c5w33 lengths=2",
};

bool cuda_ok(cudaError_t error, const char *what) {
  return SUITE_CHECK(error == cudaSuccess, "%s: %s", what, cudaGetErrorName(error));
}

cudaStream_t cuda_create_stream(void) {
  cudaStream_t stream = NULL;
  cuda_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return stream;
}

void cuda_call_make_data(cuda_call *c, int variant) {
  c->problem.mean = 0.5 + variant;
  static const double valid[] = {0.7, 1, 0}; /* all sequences are full, or empty */
  if (line_has_padding(&c->problem)) c->problem.valid = valid[variant % 3];
  if (c->problem.device_factor) c->problem.factor = 1.0 / (1 + variant);
  char report[512] = "";
  SUITE_CHECK(run_create(c->handle, &c->problem, &c->before, report, sizeof report), "%s", report);
  CU_ASSERT(data_copy(&c->before, &c->after));
}

void cuda_call_drop_data(cuda_call *c) {
  data_destroy(&c->before);
  data_destroy(&c->after);
}

bool cuda_call_begin(cuda_call *c, cubnHandle_t handle, const char *line) {
  *c = (cuda_call){.handle = handle, .line = line};
  const char *const wrong = line_parse(line, &c->problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) return false;
  cuda_call_make_data(c, 0);
  return expect_success(run_open(&c->run, handle, &c->problem, &c->before), line);
}

void cuda_call_check(cuda_call *c, const char *algo, const char *when) {
  char report[512];
  expect_success(run_download(&c->run, &c->after), c->line);
  const compare_result result = compare_outputs(&c->problem, &c->before, &c->after, 1);
  if (result.failures) compare_describe(&result, report, sizeof report);
  SUITE_CHECK(!result.failures, "%s, %s, %s: %s", c->line, algo, when, report);
  SUITE_CHECK(compare_untouched(&c->problem, &c->before, &c->after, report, sizeof report),
              "%s, %s, %s: %s", c->line, algo, when, report);
}

void cuda_expect_zero_counters(cubnHandle_t handle, const char *line) {
  static unsigned counters[CUBN_COUNTER_BYTES / sizeof(unsigned)];
  void *memory = NULL;
  size_t bytes = 0, used = 0;
  expect_success(handle->backend->workspace(handle->device, &memory, &bytes), "workspace");
  expect_success(cubnSynchronize(handle), "cubnSynchronize");
  cuda_ok(cudaMemcpy(counters, memory, sizeof counters, cudaMemcpyDeviceToHost), "cudaMemcpy");
  for (size_t i = 0; i < sizeof counters / sizeof *counters; ++i) used += counters[i] != 0;
  SUITE_CHECK(used == 0, "%s: %zu counters are not 0", line, used);
}

void cuda_call_end(cuda_call *c) {
  run_close(&c->run);
  cuda_call_drop_data(c);
}

void cuda_for_each_algo(void (*test)(const char *line, const cubn_algo *algo, void *state),
                        void *state) {
  const cubnHandle_t handle = suite_handle();
  for (size_t i = 0; i < CUDA_LINES; ++i) {
    line_problem problem;
    CU_ASSERT_PTR_NULL(line_parse(cuda_lines[i], &problem));
    for (const cubn_algo *const *algo = handle->backend->algos[problem.pass]; *algo; ++algo) {
      cuda_call c;
      strcpy(handle->forced_algo, (*algo)->name);
      if (cuda_call_begin(&c, handle, cuda_lines[i]))
        expect_success(run_call(&c.run), cuda_lines[i]);
      cuda_call_end(&c);
      if (handle->last_algo == *algo) test(cuda_lines[i], *algo, state);
    }
  }
}
#endif
