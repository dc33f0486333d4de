/* Ranks as processes of MPI. Every process creates the whole batch, computes its share, and
 * receives the results of the others, which it judges together. */
#include <CUnit/Basic.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cubn_mpi.h"
#include "suites/support/expect_error.h"
#include "suites/support/joint_batch.h"

#ifdef OPEN_MPI
#include <mpi-ext.h>
#endif

static cubnHandle_t handle;
static cubnCommunicator_t communicator;
static MPI_Comm group; /* all, or some in another order */
static int rank, ranks;

/* Calls of MPI's function are counted on their way. */
static int alltoall_calls;

int MPI_Alltoall(const void *send, int send_count, MPI_Datatype send_type, void *receive,
                 int receive_count, MPI_Datatype receive_type, MPI_Comm comm) {
  ++alltoall_calls;
  return PMPI_Alltoall(send, send_count, send_type, receive, receive_count, receive_type, comm);
}

/* What this MPI is said to do; no machine that tests has one that does. */
static int takes_device_memory;

int MPIX_Query_cuda_support(void) {
  return takes_device_memory;
}

static void share_results(joint_part *part, int owner) {
  for (int i = 0; i < DATA_ARRAYS; ++i)
    if (data_has(&part->after, i))
      MPI_Bcast(part->after.arrays[i].block, (int)part->after.arrays[i].block_bytes, MPI_BYTE,
                owner, group);
}

static void test_cases(void) {
  for (int i = 0; i < joint_case_count; ++i) {
    joint_batch b = {.what = &joint_cases[i], .local_sums = i % 2};
    joint_divide(&b, ranks, i);
    if (joint_create(&b)) {
      joint_run_rank(&b, rank, handle, communicator);
      for (int r = 0; r < ranks; ++r) {
        share_results(&b.rank_forward[r], r);
        share_results(&b.rank_backward[r], r);
      }
      joint_put_together(&b);
      joint_judge(&b);
    }
    joint_destroy(&b);
  }
}

static void divide(bool divides) {
  expect_success(cubnSetCommunicatorGatherRanks(communicator, divides ? 1 : INT_MAX), "a limit");
}

static void check_parts(const joint_part *gathered, const joint_part *divided, const char *what) {
  char report[256] = "";
  SUITE_CHECK(compare_equal(&gathered->problem, &gathered->after, &divided->problem,
                            &divided->after, report, sizeof report),
              "%s of rank %d: %s", what, rank, report);
}

/* Divided channels give the bits of gathers; forward and backward exchange by one call each. */
static void test_divided(void) {
  for (int i = 0; i < joint_case_count; ++i) {
    joint_batch b[2];
    bool good = true;
    const int before = alltoall_calls;
    for (int k = 0; k < 2; ++k) {
      b[k] = (joint_batch){.what = &joint_cases[i], .local_sums = i % 2};
      joint_divide(&b[k], ranks, i);
      good = joint_create(&b[k]) && good;
      divide(k == 1);
      if (good) joint_run_rank(&b[k], rank, handle, communicator);
      divide(false);
    }
    SUITE_CHECK(alltoall_calls == before + (ranks > 1 ? 2 : 0), "%d calls of MPI_Alltoall",
                alltoall_calls - before);
    if (good) {
      check_parts(&b[0].rank_forward[rank], &b[1].rank_forward[rank], "forward");
      check_parts(&b[0].rank_backward[rank], &b[1].rank_backward[rank], "backward");
    }
    joint_destroy(&b[0]);
    joint_destroy(&b[1]);
  }
}

/* Descriptors of four images of one channel and pixel. */
static cubnBatchNormDescriptor_t bn;
static cubnTensorDescriptor_t image, param;

static bool describe(void) {
  return expect_success(cubnCreateBatchNormDescriptor(&bn), "descriptor") &&
         expect_success(cubnCreateTensorDescriptor(&image), "descriptor") &&
         expect_success(cubnCreateTensorDescriptor(&param), "descriptor") &&
         expect_success(
             cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 4, 1, 1, 1),
             "image") &&
         expect_success(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL),
                        "param");
}

/* The last rank gives no tensors: all return its error, and go on. */
static void check_refusal(void) {
  const bool wrong = rank == ranks - 1;
  const float x[4] = {1, 2, 3, 5};
  float y[4] = {0};
  char name[32];
  snprintf(name, sizeof name, "rank %d", ranks - 1);
  if (!describe()) return;
  const cubnBatchNormTensors_t tensors = {
      .x_desc = image, .y_desc = image, .param_desc = param, .x = x, .y = y};
  expect_error(cubnSetBatchNormCommunicator(handle, bn, communicator, wrong ? -1 : 1),
               CUBN_STATUS_BAD_PARAM, "cubnSetBatchNormCommunicator", "channels is -1", name);
  expect_success(cubnSetBatchNormCommunicator(handle, bn, communicator, 1), "attach");
  if (ranks > 1)
    expect_error(cubnBatchNormForward(handle, bn, wrong ? NULL : &tensors), CUBN_STATUS_BAD_PARAM,
                 "cubnBatchNormForward", "tensors is NULL", name);
  SUITE_CHECK(y[3] == 0, "y was written by a failed call");
  expect_success(cubnBatchNormForward(handle, bn, &tensors), "the call after a failure");
  SUITE_CHECK(y[3] > 1.5f && y[3] < 1.6f, "y is %g", (double)y[3]); /* (5 - 2.75) / 1.479 */
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
  expect_success(cubnDestroyBatchNormDescriptor(bn), "destroy");
}

static void test_refusal(void) {
  check_refusal();
  divide(true);
  check_refusal();
  divide(false);
}

/* The last rank alone divides the channels. */
static void test_differing(void) {
  const bool wrong = rank == ranks - 1;
  if (!describe()) return;
  if (wrong) divide(true);
  if (ranks > 1)
    expect_error(cubnSetBatchNormCommunicator(handle, bn, communicator, 1), CUBN_STATUS_BAD_PARAM,
                 "cubnSetBatchNormCommunicator", "exchanges by all_to_all", "rank 0 gathers");
  divide(false);
  expect_success(cubnSetBatchNormCommunicator(handle, bn, communicator, 1), "attach");
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
  expect_success(cubnDestroyBatchNormDescriptor(bn), "destroy");
}

static void test_arguments(void) {
  static const char *const name = "cubnCreateCommunicatorMPI";
  cubnCommunicator_t none;
  expect_error(cubnCreateCommunicatorMPI(NULL, MPI_COMM_WORLD), CUBN_STATUS_BAD_PARAM, name,
               "communicator", "NULL");
  expect_error(cubnCreateCommunicatorMPI(&none, MPI_COMM_NULL), CUBN_STATUS_BAD_PARAM, name, "comm",
               "MPI_COMM_NULL");
  int found = -1, count = -1;
  expect_success(cubnGetCommunicatorRank(communicator, &found, &count), "rank");
  SUITE_CHECK(found == rank && count == ranks, "rank %d of %d", found, count);
}

/* A communicator of a GPU's memory is for an MPI that takes it, and for handles of that GPU. */
static void test_on_device(void) {
  static const char *const name = "cubnCreateCommunicatorMPIOnDevice";
  cubnCommunicator_t of_gpu;
  expect_error(cubnCreateCommunicatorMPIOnDevice(&of_gpu, MPI_COMM_NULL, 0), CUBN_STATUS_BAD_PARAM,
               name, "comm", "MPI_COMM_NULL");
  expect_error(cubnCreateCommunicatorMPIOnDevice(&of_gpu, MPI_COMM_WORLD, -1),
               CUBN_STATUS_BAD_PARAM, name, "ordinal", "negative");
  expect_error(cubnCreateCommunicatorMPIOnDevice(&of_gpu, MPI_COMM_WORLD, 0),
               CUBN_STATUS_NOT_SUPPORTED, name, "this MPI", "cubnCreateCommunicatorMPI");
  takes_device_memory = 1;
  if (!expect_success(cubnCreateCommunicatorMPIOnDevice(&of_gpu, group, 0), name) || !describe())
    return;
  expect_error(cubnSetBatchNormCommunicator(handle, bn, of_gpu, 1), CUBN_STATUS_BAD_PARAM,
               "cubnSetBatchNormCommunicator", "the device cpu", "memory of a GPU");
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
  expect_success(cubnDestroyBatchNormDescriptor(bn), "destroy");
  expect_success(cubnDestroyCommunicator(of_gpu), "destroy");
  takes_device_memory = 0;
}

/* Rank 1 dies between two calls. The others' second call returns an error, or MPI ends them. */
static void test_killed(void) {
  const float x[4] = {1, 2, 3, 5};
  float y[4];
  if (!describe()) return;
  const cubnBatchNormTensors_t tensors = {
      .x_desc = image, .y_desc = image, .param_desc = param, .x = x, .y = y};
  expect_success(cubnSetBatchNormCommunicator(handle, bn, communicator, 1), "attach");
  expect_success(cubnBatchNormForward(handle, bn, &tensors), "the call before");
  if (rank == 1) raise(SIGKILL);
  if (cubnBatchNormForward(handle, bn, &tensors) == CUBN_STATUS_SUCCESS)
    printf("rank %d: the call without rank 1 SUCCEEDED\n", rank);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static unsigned run_tests(bool kills) {
  static const suite_test tests[] = {{"shares", test_cases},
                                     {"divided channels", test_divided},
                                     {"a refusal", test_refusal},
                                     {"ranks that differ", test_differing},
                                     {"arguments", test_arguments},
                                     {"memory of a GPU", test_on_device},
                                     {NULL, NULL}};
  static const suite_test killed[] = {{"a rank is killed", test_killed}, {NULL, NULL}};
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  suite_begin_pass(&(suite_options){.where = SUITE_CPU});
  suite_add("distributed", SUITE_CPU, kills ? killed : tests);
  CU_run_all_tests();
  const unsigned failures = CU_get_number_of_failures();
  if (failures > 0) CU_basic_show_failures(CU_get_failure_list());
  CU_cleanup_registry();
  return failures;
}

/* --kill: a test that ends no rank well. --split: two groups at a time, of every second rank, in
 * the order from the last to the first. */
int main(int count, char **arguments) {
  unsigned failures = 1, all = 1;
  const char *const option = count > 1 ? arguments[1] : "";
  const bool splits = strcmp(option, "--split") == 0;
  cubnCommunicator_t before;
  if (cubnCreateCommunicatorMPI(&before, MPI_COMM_WORLD) != CUBN_STATUS_BAD_PARAM) return 1;
  MPI_Init(&count, &arguments);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_split(MPI_COMM_WORLD, splits ? rank % 2 : 0, splits ? -rank : rank, &group);
  MPI_Comm_rank(group, &rank);
  MPI_Comm_size(group, &ranks);
  if (ranks <= ENGINE_RANKS_MAX && cubnCreateOnDevice(&handle, "cpu") == CUBN_STATUS_SUCCESS &&
      cubnCreateCommunicatorMPI(&communicator, group) == CUBN_STATUS_SUCCESS)
    failures = run_tests(strcmp(option, "--kill") == 0);
  if (cubnDestroyCommunicator(communicator) != CUBN_STATUS_SUCCESS) ++failures;
  if (cubnDestroy(handle) != CUBN_STATUS_SUCCESS) ++failures;
  MPI_Allreduce(&failures, &all, 1, MPI_UNSIGNED, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0) printf("%d ranks: %s\n", ranks, all > 0 ? "FAILED" : "passed");
  MPI_Finalize();
  return all > 0;
}
