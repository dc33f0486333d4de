/* Thousands of launches in a row, eager and in a graph, while other work keeps some of the device
 * busy: algorithms whose blocks wait for each other leave their counters at zero, and the last
 * result is as right as the first. Without a GPU a few launches show that the test works. */
#include "suites/support/suite.h"

void test_cuda_soak_suites(void);

#ifdef CUBN_TESTS_CUDA
#include <string.h>

#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "kit/run_algo.h"
#include "suites/support/cuda_call.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#ifdef CUBN_TESTS_EMULATED
enum { LAUNCHES = 6, GRAPH_CALLS = 2, NEIGHBOR_EVERY = 3 };
#define NEIGHBOR_LINE "train nhwc f16 n4c16h5w7 norunning"
#else
enum { LAUNCHES = 20000, GRAPH_CALLS = 10, NEIGHBOR_EVERY = 20 };
#define NEIGHBOR_LINE "train nhwc f16 n32c256h56w56 norunning"
#endif

typedef struct soak_case {
  const cubn_algo *algo;
  const char *line; /* may be repeated: no input is written */
} soak_case;

static const soak_case cases[] = {
    {&cubn_cuda_train_two_pass, "train nhwc f16 n8c64h16w16 norunning"},
    {&cubn_cuda_train_streamed, "train nhwc f16 n8c64h16w16 norunning"},
    {&cubn_cuda_train_streamed, "train nchw f32 n8c6h24w24 norunning"},
    {&cubn_cuda_backward_streamed, "backward nhwc f16 n8c64h16w16"},
    {&cubn_cuda_train_cooperative, "train nhwc f16 n8c64h16w16 norunning"},
    {&cubn_cuda_train_cooperative, "train nchw f32 n8c6h24w24 norunning"},
    {&cubn_cuda_backward_cooperative, "backward nhwc f16 n8c64h16w16"},
    {&cubn_cuda_train_cluster, "train nchw f32 n8c6h24w24 norunning"},
    {&cubn_cuda_backward_cluster, "backward nhwc f16 n8c64h16w16"},
};

/* Every problem that can be partitioned, also where two passes would be as good: on a large device
 * no problem of a test is worth a cooperative launch. */
static cubn_refusal reject_unless_possible(const cubn_device *device, const cubn_problem *problem) {
  return cubn_cooperative_plan(device, problem).groups ? cubn_accept()
                                                       : cubn_refuse("cannot be partitioned");
}

static cubn_algo row_of(const soak_case *soak) {
  cubn_algo row = *soak->algo;
  if (!strcmp(row.name, "cooperative")) row.reject = reject_unless_possible;
  return row;
}

static cudaGraphExec_t capture(const cuda_call *c, cudaStream_t stream) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t executable = NULL;
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), c->line);
  for (int i = 0; i < GRAPH_CALLS; ++i) expect_success(run_call(&c->run), c->line);
  cuda_ok(cudaStreamEndCapture(stream, &graph), c->line);
  if (graph && cuda_ok(cudaGraphInstantiate(&executable, graph, 0), c->line))
    cudaGraphDestroy(graph);
  return executable;
}

static void keep_busy(const cuda_call *neighbor, int launch) {
  if (launch % NEIGHBOR_EVERY == 0) expect_success(run_call(&neighbor->run), neighbor->line);
}

static void soak(const soak_case *what, const cubn_algo *row, cudaStream_t stream,
                 const cuda_call *neighbor) {
  const cubnHandle_t handle = suite_handle();
  cuda_call c;
  sole_algo sole;
  if (!cuda_call_begin(&c, handle, what->line)) return;
  sole_algo_begin(&sole, handle, c.problem.pass, row);
  for (int i = 0; i < LAUNCHES; ++i) {
    keep_busy(neighbor, i);
    if (!expect_success(run_call(&c.run), what->line)) break;
  }
  cuda_call_check(&c, row->name, "called again and again");
  cuda_expect_zero_counters(handle, what->line);
  expect_success(run_upload(&c.run, &c.before), what->line);
  const cudaGraphExec_t graph = capture(&c, stream);
  for (int i = 0; graph && i < LAUNCHES; i += GRAPH_CALLS) {
    keep_busy(neighbor, i);
    cuda_ok(cudaGraphLaunch(graph, stream), "cudaGraphLaunch");
  }
  cuda_call_check(&c, row->name, "in a graph, again and again");
  cuda_expect_zero_counters(handle, what->line);
  const cubn_refusal refusal = sole_algo_end(&sole);
  SUITE_CHECK(!refusal.text && handle->last_algo == row, "%s: %s refuses: %s", what->line,
              row->name, refusal.text ? refusal.text : "nothing");
  if (graph) cudaGraphExecDestroy(graph);
  cuda_call_end(&c);
}

/* Whether the device has the algorithm at all: clusters are of sm_90. */
static bool is_there(const soak_case *what) {
  const cubn_algo row = row_of(what);
  line_problem problem;
  data_set before, after;
  compare_result result;
  char report[1024];
  CU_ASSERT_FATAL(line_parse(what->line, &problem) == NULL);
  const algo_outcome outcome =
      run_algo(suite_handle(), &row, &problem, &before, &after, &result, report, sizeof report);
  data_destroy(&before);
  data_destroy(&after);
  SUITE_CHECK(outcome != ALGO_FAILED, "%s, %s: %s", what->line, row.name, report);
  return outcome == ALGO_PASSED;
}

static void test_soak(void) {
  const cudaStream_t stream = cuda_create_stream(), other = cuda_create_stream();
  cubnHandle_t handle = NULL;
  cuda_call neighbor;
  CU_ASSERT_FATAL(cubnCreateOnDevice(&handle, "cuda") == CUBN_STATUS_SUCCESS);
  expect_success(cubnSetStream(handle, other), "cubnSetStream");
  strcpy(handle->forced_algo, "two_pass");
  expect_success(cubnSetStream(suite_handle(), stream), "cubnSetStream");
  int there = 0;
  if (cuda_call_begin(&neighbor, handle, NEIGHBOR_LINE)) {
    for (size_t i = 0; i < COUNT_OF(cases); ++i) {
      const cubn_algo row = row_of(&cases[i]);
      if (!is_there(&cases[i])) continue;
      soak(&cases[i], &row, stream, &neighbor);
      ++there;
    }
    cuda_call_check(&neighbor, "two_pass", "beside others");
    cuda_expect_zero_counters(handle, NEIGHBOR_LINE);
    cuda_call_end(&neighbor);
  }
  CU_ASSERT(there >= 4); /* two_pass and streamed are everywhere */
  expect_success(cubnSetStream(suite_handle(), NULL), "cubnSetStream");
  expect_success(cubnDestroy(handle), "cubnDestroy");
  cudaStreamDestroy(stream);
  cudaStreamDestroy(other);
}

/* Cooperative launches by this device's plans, of all types and layouts. */
static void test_cooperative_here(void) {
  static const char *const lines[] = {"train nhwc f32 n4c64h14w15",
                                      "train nchw bf16 n5c7h28w28 relu",
                                      "train nhwc f16 n16c24h9w9 add_relu",
                                      "backward nhwc f16 n8c32h16w16",
                                      "backward nchw f32 n9c5h21w23 nosaved mean=1e4",
                                      "backward nhwc bf16 n4c64h14w15 relu"};
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    const bool trains = lines[i][0] == 't';
    const soak_case here = {trains ? &cubn_cuda_train_cooperative : &cubn_cuda_backward_cooperative,
                            lines[i]};
    SUITE_CHECK(is_there(&here), "%s: cooperative refuses", lines[i]);
    cuda_expect_zero_counters(suite_handle(), lines[i]);
  }
}

void test_cuda_soak_suites(void) {
  static const suite_test tests[] = {{"cooperative on this device", test_cooperative_here},
                                     {"again and again", test_soak},
                                     {NULL, NULL}};
  suite_add("cuda soak", SUITE_CUDA, tests);
}
#else
void test_cuda_soak_suites(void) {}
#endif
