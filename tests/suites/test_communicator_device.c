/* Communicators that gather in device memory: calls wait for nothing and can be captured, errors of
 * the background are told, and a wait ends where the work never will. */
#include "suites/support/suite.h"

void test_communicator_device_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <math.h>

#include "emu/control.h"
#include "suites/support/cuda_call.h"
#include "suites/support/engine.h"
#include "suites/support/expect_error.h"

enum { RANKS = 3, WRONG = 1 };

/* All ranks have the same images, so the statistics are those of one. */
#define LINE "train nchw f32 n2c5h3w4 low biased devfactor relu"

static void run_way(int ranks, void (*body)(engine_rank *self), bool divides) {
  static engine e;
  e = (engine){0};
  engine_select(&engine_on_device);
  engine_divide(divides);
  engine_run(&e, ranks, body, NULL);
  engine_divide(false);
  engine_select(NULL);
}

/* Gathering, and with divided channels. */
static void run_ranks(int ranks, void (*body)(engine_rank *self)) {
  run_way(ranks, body, false);
  run_way(ranks, body, true);
}

static bool begin(cuda_call *c, engine_rank *self) {
  return cuda_call_begin(c, self->handle, LINE) &&
         expect_success(
             cubnSetBatchNormCommunicator(self->handle, c->run.batch_norm, self->communicator, 5),
             "attach");
}

/* ---- Graphs ---- */
static cudaGraphExec_t capture(const cuda_call *c, cudaStream_t stream) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t executable = NULL;
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin");
  expect_success(run_extended(&c->run), "a captured call");
  cuda_ok(cudaStreamEndCapture(stream, &graph), "end");
  if (graph && cuda_ok(cudaGraphInstantiate(&executable, graph, 0), "instantiate"))
    cudaGraphDestroy(graph);
  return executable;
}

static void replay(engine_rank *self) {
  const cudaStream_t stream = cuda_create_stream();
  cuda_call c;
  expect_success(cubnSetStream(self->handle, stream), "cubnSetStream");
  if (begin(&c, self)) {
    const cudaGraphExec_t graph = capture(&c, stream);
    for (int variant = 1; variant <= 3 && graph; ++variant) {
      cuda_call_drop_data(&c);
      cuda_call_make_data(&c, variant);
      expect_success(run_upload(&c.run, &c.before), "upload");
      cuda_ok(cudaGraphLaunch(graph, stream), "cudaGraphLaunch");
      CU_ASSERT_EQUAL(engine_meet(self, 0), 0); /* all have launched it */
      cuda_call_check(&c, "any", "replayed");
    }
    if (graph) cudaGraphExecDestroy(graph);
  }
  cuda_call_end(&c);
  expect_success(cubnSetStream(self->handle, self->stream), "cubnSetStream");
  cudaStreamDestroy(stream);
}

static void test_graphs(void) {
  run_ranks(RANKS, replay);
  emu_set_lazy_streams(1);
  run_ranks(RANKS, replay);
  emu_set_lazy_streams(0);
}

/* ---- Calls wait for nothing ---- */
static unsigned long long count_waits(void) {
  return emu_api_calls("cudaStreamSynchronize") + emu_api_calls("cudaDeviceSynchronize") +
         emu_api_calls("cudaMalloc") + emu_api_calls("cudaStreamQuery");
}

static void call_counted(engine_rank *self) {
  cuda_call c;
  if (begin(&c, self)) {
    CU_ASSERT_EQUAL(engine_meet(self, 0), 0);
    const unsigned long long before = count_waits();
    expect_success(run_extended(&c.run), "the call");
    CU_ASSERT_EQUAL(count_waits(), before);
    CU_ASSERT_EQUAL(engine_meet(self, 0), 0);
    cuda_call_check(&c, "any", "called");
  }
  cuda_call_end(&c);
}

static void test_waits(void) {
  run_ranks(RANKS, call_counted);
}

/* ---- Errors of the background ---- */
static void do_nothing(void *data) {
  (void)data;
}

static int is_released(void *data) {
  return *(int *)data;
}

static void fail_in_background(engine_rank *self) {
  const cudaStream_t stream = cuda_create_stream();
  cubnStatus_t status;
  cuda_call c;
  int released = 0;
  expect_success(cubnSetStream(self->handle, stream), "cubnSetStream");
  if (begin(&c, self)) {
    emu_enqueue(stream, do_nothing, is_released, &released); /* that of a rank that has died */
    self->engine->background_error = ENGINE_ORDERED;
    expect_error(cubnSynchronize(self->handle), CUBN_STATUS_EXECUTION_FAILED, "cubnSynchronize",
                 "error 43", "an error that the test ordered");
    for (int mode = CUBN_ERRQUERY_RAWCODE; mode <= CUBN_ERRQUERY_BLOCKING; ++mode) {
      expect_success(cubnQueryRuntimeError(self->handle, &status, (cubnErrQueryMode_t)mode, NULL),
                     "query");
      expect_error(status, CUBN_STATUS_EXECUTION_FAILED, "cubnQueryRuntimeError", "error 43",
                   "an error that the test ordered");
    }
    self->engine->background_error = 0;
    expect_success(cubnQueryRuntimeError(self->handle, &status, CUBN_ERRQUERY_NONBLOCKING, NULL),
                   "query");
    CU_ASSERT_EQUAL(status, CUBN_STATUS_RUNTIME_IN_PROGRESS);
    released = 1;
    expect_success(cubnSynchronize(self->handle), "the end of the work");
  }
  cuda_call_end(&c);
  expect_success(cubnSetStream(self->handle, self->stream), "cubnSetStream");
  cudaStreamDestroy(stream);
}

static void test_background(void) {
  run_ranks(2, fail_in_background);
}

/* ---- Several faults ---- */
/* The first fault of a descriptor is told, and then no other one. */
static void refuse_twice(engine_rank *self) {
  static const char *const name = "cubnBatchNormForward";
  const bool wrong = self->rank == WRONG;
  cuda_call c;
  if (begin(&c, self)) {
    cubnBatchNormTensors_t tensors = run_tensors(&c.run);
    if (wrong) tensors.x = NULL;
    for (int i = 0; i < 2; ++i) {
      const bool has_tensors = i == 0 || !wrong;
      const cubnStatus_t status =
          cubnBatchNormForward(self->handle, c.run.batch_norm, has_tensors ? &tensors : NULL);
      if (wrong)
        expect_error(status, CUBN_STATUS_BAD_PARAM, name, "rank 1", i ? "tensors" : "x");
      else
        expect_success(status, "a call before its fault is known");
    }
    if (!wrong)
      expect_error(cubnSynchronize(self->handle), CUBN_STATUS_BAD_PARAM, "cubnSynchronize",
                   "rank 1", "x is NULL");
    expect_success(cubnSynchronize(self->handle), "a fault is told once");
    expect_success(run_upload(&c.run, &c.before), "upload");
    expect_success(run_extended(&c.run), "the call after two failures");
    cuda_call_check(&c, "any", "after two failures");
  }
  cuda_call_end(&c);
}

static void test_several(void) {
  run_ranks(RANKS, refuse_twice);
  emu_set_lazy_streams(1);
  run_ranks(RANKS, refuse_twice);
  emu_set_lazy_streams(0);
}

/* ---- A launch that fails between the collectives of divided channels ---- */
/* Rank 1 merges the channels 2 and 3 of 5: these are NaN on the others, which do not wait. */
static void fail_to_merge(engine_rank *self) {
  const bool wrong = self->rank == WRONG;
  cuda_call c;
  if (begin(&c, self)) {
    self->engine->failing_launch = WRONG + 1;
    const cubnStatus_t status = run_extended(&c.run);
    self->engine->failing_launch = 0;
    if (wrong)
      expect_error(status, CUBN_STATUS_EXECUTION_FAILED, "cubnBatchNormForward",
                   "cudaErrorLaunchOutOfResources", NULL);
    else
      expect_success(status, "a call that rank 1 has failed");
    expect_success(cubnSynchronize(self->handle), "the work that was enqueued");
    expect_success(run_download(&c.run, &c.after), "download");
    for (int64_t i = 0; i < 5 && !wrong; ++i)
      CU_ASSERT_EQUAL((bool)isnan(data_get(&c.after.arrays[DATA_SAVED_MEAN], i)), i == 2 || i == 3);
    expect_success(run_upload(&c.run, &c.before), "upload");
    expect_success(run_extended(&c.run), "the call after a failure");
    cuda_call_check(&c, "any", "after a failure");
  }
  cuda_call_end(&c);
}

static void test_merge(void) {
  run_way(RANKS, fail_to_merge, true);
}

/* ---- A handle of another device ---- */
static void attach_elsewhere(engine_rank *self) {
  static const char *const names[] = {"cpu", "cuda:1"};
  cubnBatchNormDescriptor_t bn;
  expect_success(cubnCreateBatchNormDescriptor(&bn), "descriptor");
  for (int i = 0; i < 2; ++i) {
    cubnHandle_t other = NULL;
    expect_success(cubnCreateOnDevice(&other, names[i]), "handle");
    expect_error(cubnSetBatchNormCommunicator(self->rank == WRONG ? other : self->handle, bn,
                                              self->communicator, 5),
                 CUBN_STATUS_BAD_PARAM, "cubnSetBatchNormCommunicator", "rank 1", names[i]);
    expect_success(cubnDestroy(other), "handle");
  }
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5), "attach");
  expect_success(cubnDestroyBatchNormDescriptor(bn), "descriptor");
}

static void test_other_device(void) {
  emu_set_device_count(2);
  run_ranks(RANKS, attach_elsewhere);
  emu_set_device_count(1);
}
#endif

void test_communicator_device_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {{"graphs", test_graphs},
                                     {"nothing waits", test_waits},
                                     {"errors of the background", test_background},
                                     {"several faults", test_several},
                                     {"a launch between collectives", test_merge},
                                     {"a handle of another device", test_other_device},
                                     {NULL, NULL}};
  suite_add("communicator of device memory", SUITE_CUDA, tests);
#endif
}
