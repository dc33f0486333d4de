/* Ranks whose communicators are of NCCL, on the emulator. The cases are those of the suite
 * "communicator"; here it is libcubn_nccl that gathers. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "cubn_nccl.h"
#include "distributed/nccl/standin.h"
#include "emu/control.h"
#include "suites/support/cuda_call.h"
#include "suites/support/expect_error.h"
#include "suites/support/joint_batch.h"

enum { RANKS = 3, WRONG = 1, CHANNELS = 5 };
/* All ranks have the same images, so the statistics are those of one. */
#define LINE "train nchw f32 n2c5h3w4 low biased relu"

static struct ncclComm comms[ENGINE_RANKS_MAX];
static bool comms_block = true;

static cubnStatus_t create(engine_rank *self, cubnCommunicator_t *communicator) {
  struct ncclComm *const comm = &comms[self->rank];
  *comm = (struct ncclComm){.self = self, .blocks = comms_block, .delay = comms_block ? 0 : 2};
  if (!engine_open_board(self)) return CUBN_STATUS_DEVICE_ALLOCATION_FAILED;
  return cubnCreateCommunicatorNCCL(communicator, comm);
}

static const engine_kind kind = {create, engine_close_board};

static void run_ranks(int ranks, void (*body)(engine_rank *self)) {
  static engine e;
  e = (engine){0};
  engine_run(&e, ranks, body, NULL);
}

/* ---- The cases ---- */
static void check_cases(int ranks, int step) {
  for (int i = 0; i < joint_case_count; i += step) {
    joint_batch b = {.what = &joint_cases[i], .local_sums = i % 2, .reversed = i % 3 == 1};
    joint_divide(&b, ranks, i);
    if (joint_run(&b)) joint_judge(&b);
    joint_destroy(&b);
  }
}

static void test_shares(void) {
  static const int ranks[] = {1, 2, 3, 4, 7};
  for (int i = 0; i < 5; ++i) check_cases(ranks[i], 1);
}

/* Streams that run late, and comms that do not block. */
static void test_late(void) {
  emu_set_lazy_streams(1);
  comms_block = false;
  check_cases(3, 3);
  comms_block = true;
  emu_set_lazy_streams(0);
}

static void test_divided(void) {
  engine_divide(true);
  test_shares();
  test_late();
  engine_divide(false);
}

/* ---- Single calls ---- */
static bool begin(cuda_call *c, engine_rank *self) {
  return cuda_call_begin(c, self->handle, LINE) &&
         expect_success(cubnSetBatchNormCommunicator(self->handle, c->run.batch_norm,
                                                     self->communicator, CHANNELS),
                        "attach");
}

/* A call sends 24 bytes per channel and 64 for the rank, in one collective. */
static void count_bytes(engine_rank *self) {
  const ncclComm_t comm = &comms[self->rank];
  cubnBatchNormDescriptor_t bn;
  int rank = -1, ranks = -1;
  cuda_call c;
  expect_success(cubnCreateBatchNormDescriptor(&bn), "descriptor");
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 64), "attach");
  CU_ASSERT(comm->gathers == 1 && comm->words == 32);
  if (cuda_call_begin(&c, self->handle, "train nhwc f32 n2c64h3w4 low biased") &&
      expect_success(
          cubnSetBatchNormCommunicator(self->handle, c.run.batch_norm, self->communicator, 64),
          "attach") &&
      expect_success(run_extended(&c.run), "the call")) {
    CU_ASSERT_EQUAL(comm->gathers, 3);
    CU_ASSERT_EQUAL(comm->words * 8, 24 * 64 + 64);
    expect_success(cubnSynchronize(self->handle), "its work");
  }
  cuda_call_end(&c);
  expect_success(cubnGetCommunicatorRank(self->communicator, &rank, &ranks), "rank");
  CU_ASSERT(rank == self->rank && ranks == RANKS);
  expect_success(cubnDestroyBatchNormDescriptor(bn), "descriptor");
}

/* With divided channels, two of five in a block: one group and one gather of what is merged. */
static void count_divided(engine_rank *self) {
  const ncclComm_t comm = &comms[self->rank];
  cuda_call c;
  if (begin(&c, self) && expect_success(run_extended(&c.run), "the call")) {
    CU_ASSERT(comm->gathers == 2 && comm->groups == 1 && comm->words == 3 * 2);
    expect_success(cubnSynchronize(self->handle), "its work");
    cuda_call_check(&c, "any", "divided");
  }
  cuda_call_end(&c);
}

static void refuse(engine_rank *self) {
  const bool wrong = self->rank == WRONG;
  cubnHandle_t other = NULL;
  cuda_call c;
  if (begin(&c, self)) {
    const cubnBatchNormTensors_t tensors = run_tensors(&c.run);
    const cubnStatus_t status =
        cubnBatchNormForward(self->handle, c.run.batch_norm, wrong ? NULL : &tensors);
    if (wrong)
      expect_error(status, CUBN_STATUS_BAD_PARAM, "cubnBatchNormForward", "rank 1",
                   "tensors is NULL");
    else if (expect_success(status, "a call before its fault is known"))
      expect_error(cubnSynchronize(self->handle), CUBN_STATUS_BAD_PARAM, "cubnSynchronize",
                   "rank 1", "tensors is NULL");
    expect_success(run_upload(&c.run, &c.before), "upload");
    expect_success(run_extended(&c.run), "the call after a failure");
    cuda_call_check(&c, "any", "after a failure");
    expect_error(cubnSetBatchNormCommunicator(self->handle, c.run.batch_norm, self->communicator,
                                              wrong ? 6 : CHANNELS),
                 CUBN_STATUS_BAD_PARAM, "cubnSetBatchNormCommunicator", "rank 1", "channels is 6");
    expect_success(cubnCreateOnDevice(&other, "cuda:1"), "handle");
    expect_error(cubnSetBatchNormCommunicator(wrong ? other : self->handle, c.run.batch_norm,
                                              self->communicator, CHANNELS),
                 CUBN_STATUS_BAD_PARAM, "cubnSetBatchNormCommunicator", "rank 1", "cuda:1");
  }
  expect_success(cubnDestroy(other), "handle");
  cuda_call_end(&c);
}

static void fail_in_background(engine_rank *self) {
  const ncclComm_t comm = &comms[self->rank];
  static const char *const text = "another process has ended: socket closed";
  cubnStatus_t status;
  cuda_call c;
  if (begin(&c, self)) {
    comm->background = ncclRemoteError;
    expect_error(cubnSynchronize(self->handle), CUBN_STATUS_EXECUTION_FAILED, "cubnSynchronize",
                 "rank", text);
    expect_success(cubnQueryRuntimeError(self->handle, &status, CUBN_ERRQUERY_NONBLOCKING, NULL),
                   "query");
    expect_error(status, CUBN_STATUS_EXECUTION_FAILED, "cubnQueryRuntimeError", "error 6", text);
    expect_error(
        cubnSetBatchNormCommunicator(self->handle, c.run.batch_norm, self->communicator, CHANNELS),
        CUBN_STATUS_EXECUTION_FAILED, "cubnSetBatchNormCommunicator", "error 6", text);
    comm->background = ncclSuccess;
    CU_ASSERT_EQUAL(engine_meet(self, 0), 0);
    expect_success(cubnSynchronize(self->handle), "without an error");
  }
  cuda_call_end(&c);
}

static void replay(engine_rank *self) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t executable = NULL;
  cudaStream_t stream = self->stream;
  cuda_call c;
  if (begin(&c, self)) {
    cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin");
    expect_success(run_extended(&c.run), "a captured call");
    cuda_ok(cudaStreamEndCapture(stream, &graph), "end");
    cuda_ok(cudaGraphInstantiate(&executable, graph, 0), "instantiate");
    for (int variant = 1; variant <= 2; ++variant) {
      cuda_call_drop_data(&c);
      cuda_call_make_data(&c, variant);
      expect_success(run_upload(&c.run, &c.before), "upload");
      cuda_ok(cudaGraphLaunch(executable, stream), "cudaGraphLaunch");
      CU_ASSERT_EQUAL(engine_meet(self, 0), 0); /* all have launched it */
      cuda_call_check(&c, "any", "replayed");
    }
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
  }
  cuda_call_end(&c);
}

static void run_divided(void (*body)(engine_rank *self)) {
  engine_divide(true);
  run_ranks(RANKS, body);
  engine_divide(false);
}

static void test_bytes(void) {
  run_ranks(RANKS, count_bytes);
  run_divided(count_divided);
}

static void test_refusal(void) {
  emu_set_device_count(2);
  run_ranks(RANKS, refuse);
  run_divided(refuse);
  emu_set_device_count(1);
}

static void test_background(void) {
  run_ranks(RANKS, fail_in_background);
}

static void test_graph(void) {
  run_ranks(RANKS, replay);
  run_divided(replay);
}

static void test_arguments(void) {
  static const char *const name = "cubnCreateCommunicatorNCCL";
  struct ncclComm comm = {0};
  cubnCommunicator_t none;
  expect_error(cubnCreateCommunicatorNCCL(NULL, &comm), CUBN_STATUS_BAD_PARAM, name, "communicator",
               "NULL");
  expect_error(cubnCreateCommunicatorNCCL(&none, NULL), CUBN_STATUS_BAD_PARAM, name, "comm",
               "NULL");
  comm.background = ncclRemoteError;
  comm.delay = 1;
  expect_error(cubnCreateCommunicatorNCCL(&none, &comm), CUBN_STATUS_EXECUTION_FAILED, name,
               "another process has ended", NULL);
}

int main(void) {
  static const suite_test tests[] = {{"shares", test_shares},
                                     {"late streams", test_late},
                                     {"divided channels", test_divided},
                                     {"bytes", test_bytes},
                                     {"a refusal", test_refusal},
                                     {"errors of the background", test_background},
                                     {"a graph", test_graph},
                                     {"arguments", test_arguments},
                                     {NULL, NULL}};
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  engine_select(&kind);
  suite_begin_pass(&(suite_options){.where = SUITE_CUDA});
  suite_add("NCCL", SUITE_CUDA, tests);
  CU_run_all_tests();
  const unsigned failures = CU_get_number_of_failures();
  if (failures > 0) CU_basic_show_failures(CU_get_failure_list());
  CU_cleanup_registry();
  printf("NCCL, stand-in: %s\n", failures > 0 ? "FAILED" : "passed");
  return failures > 0;
}
