/* Communicators: the functions that make and attach them, and their arguments. */
#include <string.h>

#include "suites/support/engine.h"
#include "suites/support/expect_error.h"
#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>

#include "emu/control.h"
#endif

enum { WRONG = 1 }; /* the rank whose arguments are wrong */

/* ---- Making ---- */
static int no_gather(void *context, const double *send, double *receive, size_t count,
                     cubnStream_t stream) {
  (void)context;
  (void)stream;
  memcpy(receive, send, count * sizeof *send);
  return 0;
}

static void count_end(void *context) {
  ++*(int *)context;
}

static void test_create(void) {
  static const char name[] = "cubnCreateCommunicator";
  static const cubnCommunicatorFunctions_t empty = {0};
  static const cubnCommunicatorFunctions_t on_device = {.memory = CUBN_DEVICE_CUDA,
                                                        .gather = no_gather};
  static const cubnCommunicatorFunctions_t nowhere = {.memory = (cubnDeviceType_t)7,
                                                      .gather = no_gather};
  static const cubnCommunicatorFunctions_t valid = {.gather = no_gather, .destroy = count_end};
  const cubnStatus_t bad = CUBN_STATUS_BAD_PARAM;
  int ends = 0, rank = 77, ranks = 77;
  cubnCommunicator_t c = NULL;
  expect_error(cubnCreateCommunicator(NULL, &valid, &ends, 0, 1), bad, name, "communicator",
               "NULL");
  expect_error(cubnCreateCommunicator(&c, NULL, &ends, 0, 1), bad, name, "functions", "NULL");
  expect_error(cubnCreateCommunicator(&c, &empty, &ends, 0, 1), bad, name, "functions->gather",
               "NULL");
  expect_error(cubnCreateCommunicator(&c, &valid, &ends, 0, 0), bad, name, "ranks", "0");
  expect_error(cubnCreateCommunicator(&c, &valid, &ends, -1, 4), bad, name, "rank", "-1");
  expect_error(cubnCreateCommunicator(&c, &valid, &ends, 4, 4), bad, name, "rank", "4");
  expect_error(cubnCreateCommunicator(&c, &on_device, &ends, 0, 1), bad, name,
               "functions->gather_host", "NULL");
  expect_error(cubnCreateCommunicator(&c, &nowhere, &ends, 0, 1), bad, name, "functions->memory",
               "7");
  CU_ASSERT(!c && ends == 0);
  expect_success(cubnCreateCommunicator(&c, &valid, &ends, 2, 5), "create");
  expect_success(cubnGetCommunicatorRank(c, &rank, &ranks), "rank");
  CU_ASSERT(rank == 2 && ranks == 5);
  expect_success(cubnGetCommunicatorRank(c, NULL, NULL), "rank");
  expect_error(cubnGetCommunicatorRank(NULL, &rank, &ranks), bad, "cubnGetCommunicatorRank",
               "communicator", "NULL");
  expect_success(cubnDestroyCommunicator(c), "destroy");
  CU_ASSERT_EQUAL(ends, 1);
  expect_success(cubnDestroyCommunicator(NULL), "destroy NULL");
}

/* For those who make communicators. */
static void test_report(void) {
  expect_error(cubnReportError(CUBN_STATUS_EXECUTION_FAILED, "myFunction", "port is 7"),
               CUBN_STATUS_EXECUTION_FAILED, "myFunction", "port", "7");
  expect_error(cubnReportError(CUBN_STATUS_BAD_PARAM, NULL, "100%s"), CUBN_STATUS_BAD_PARAM,
               "cubnReportError", "100%s", NULL);
}

/* ---- Attaching ---- */
static void run_attach(engine_rank *self) {
  static const char *const name = "cubnSetBatchNormCommunicator";
  const bool wrong = self->rank == WRONG;
  cubnBatchNormDescriptor_t bn;
  CU_ASSERT_EQUAL(cubnCreateBatchNormDescriptor(&bn), CUBN_STATUS_SUCCESS);
  expect_error(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, wrong ? 6 : 5),
               CUBN_STATUS_BAD_PARAM, name, "channels is 6", "rank 1");
  expect_error(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, wrong ? 0 : 5),
               CUBN_STATUS_BAD_PARAM, name, "channels is 0", "rank 1");
  expect_error(cubnSetBatchNormCommunicator(wrong ? NULL : self->handle, bn, self->communicator, 5),
               CUBN_STATUS_NOT_INITIALIZED, name, "handle is NULL", "rank 1");
  expect_error(cubnSetBatchNormCommunicator(self->handle, wrong ? NULL : bn, self->communicator, 5),
               CUBN_STATUS_BAD_PARAM, name, "descriptor is NULL", "rank 1");
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5), "attach");
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 9), "again");
  expect_error(cubnDestroyCommunicator(self->communicator), CUBN_STATUS_BAD_PARAM,
               "cubnDestroyCommunicator", "communicator", "1");
  expect_error(cubnDestroy(self->handle), CUBN_STATUS_BAD_PARAM, "cubnDestroy", "buffers", "1");
  if (wrong) expect_success(cubnSetBatchNormCommunicator(NULL, bn, NULL, 0), "take away");
  expect_success(cubnDestroyBatchNormDescriptor(bn), "the end of a descriptor");
}

static void test_attach(void) {
  static engine e;
  e = (engine){0};
  engine_run(&e, 3, run_attach, NULL);
}

#ifdef CUBN_TESTS_EMULATED
/* One rank gets no page-locked memory: all learn it, and the next attempt works. */
static void run_without_memory(engine_rank *self) {
  cubnBatchNormDescriptor_t bn;
  CU_ASSERT_EQUAL(cubnCreateBatchNormDescriptor(&bn), CUBN_STATUS_SUCCESS);
  if (self->rank == WRONG) emu_fail_next("cudaHostAlloc", 1, cudaErrorMemoryAllocation);
  expect_error(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5),
               CUBN_STATUS_HOST_ALLOCATION_FAILED, "cubnSetBatchNormCommunicator",
               "cudaErrorMemoryAllocation", "rank 1");
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5), "again");
  expect_success(cubnDestroyBatchNormDescriptor(bn), "the end of a descriptor");
}

static void test_memory(void) {
  static engine e;
  e = (engine){0};
  engine_run(&e, 3, run_without_memory, NULL);
}
#endif

void test_communicator_setup_suites(void) {
  static const suite_test host_tests[] = {
      {"making", test_create}, {"reporting", test_report}, {NULL, NULL}};
  static const suite_test tests[] = {{"attaching", test_attach}, {NULL, NULL}};
  suite_add("communicator arguments", SUITE_HOST, host_tests);
  suite_add("communicator attaching", SUITE_DEVICES, tests);
#ifdef CUBN_TESTS_EMULATED
  static const suite_test emulated[] = {{"without memory", test_memory}, {NULL, NULL}};
  suite_add("communicator memory", SUITE_CUDA, emulated);
#endif
}
