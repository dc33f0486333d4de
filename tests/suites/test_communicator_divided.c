/* Channels that are divided among the ranks: the bits of gathers, and when it is done. */
#include <limits.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/joint_batch.h"

/* ---- Bits ---- */
static void check_parts(const joint_part *gathered, const joint_part *divided, const char *what) {
  char report[256] = "";
  SUITE_CHECK(compare_equal(&gathered->problem, &gathered->after, &divided->problem,
                            &divided->after, report, sizeof report),
              "%s: %s", what, report);
}

/* Seven ranks have fewer channels than ranks; all cases are divided with shares of no images. */
static void check_bits(int ranks) {
  for (int i = 0; i < joint_case_count; i += suite_all_cases() ? 1 : 2) {
    joint_batch b[2];
    bool good = true;
    for (int k = 0; k < 2; ++k) {
      b[k] = (joint_batch){.what = &joint_cases[i], .local_sums = i % 2, .reversed = i % 3 == 1};
      joint_divide(&b[k], ranks, i);
      engine_divide(k == 1);
      good = joint_run(&b[k]) && good;
      engine_divide(false);
    }
    SUITE_CHECK(b[1].meetings > b[0].meetings, "the channels were not divided");
    for (int r = 0; r < ranks && good; ++r) {
      check_parts(&b[0].rank_forward[r], &b[1].rank_forward[r], "forward");
      check_parts(&b[0].rank_backward[r], &b[1].rank_backward[r], "backward");
    }
    joint_destroy(&b[0]);
    joint_destroy(&b[1]);
  }
}

static void test_bits(void) {
  static const int ranks[] = {2, 3, 4, 7};
  for (int i = 0; i < 4; ++i) check_bits(ranks[i]);
}

static void test_no_values(void) {
  const joint_case what = {"nhwc", "f32", "", 1, ""};
  joint_batch b = {.what = &what, .ranks = 3};
  engine_divide(true);
  if (joint_run(&b))
    for (int64_t c = 0; c < JOINT_CHANNELS; ++c) {
      const joint_part *const p = &b.rank_forward[1];
      SUITE_CHECK(data_get(&p->after.arrays[DATA_SAVED_MEAN], c) == 0, "saved_mean");
      SUITE_CHECK(data_get(&p->after.arrays[DATA_RUNNING_VAR], c) ==
                      data_get(&p->before.arrays[DATA_RUNNING_VAR], c),
                  "running_var");
      SUITE_CHECK(data_get(&b.rank_backward[2].after.arrays[DATA_DBIAS], c) == 0, "dbias");
    }
  engine_divide(false);
  joint_destroy(&b);
}

/* ---- When ---- */
/* All ranks send what this one, rank 0, does. */
static int repeat(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  const int *const counts = context; /* of ranks, and of all_to_all */
  (void)stream;
  for (int r = 0; r < counts[0]; ++r)
    memcpy(receive + (size_t)r * count, send, count * sizeof *send);
  return 0;
}

static int repeat_to_all(void *context, const double *send, double *receive, size_t count,
                         cubnStream_t stream) {
  ++((int *)context)[1];
  return repeat(context, send, receive, count, stream);
}

/* Whether a forward call divides the channels. `limit` is left at its preset if it is -1. */
static bool divides(int ranks, int channels, int limit, bool can) {
  const cubnCommunicatorFunctions_t functions = {.gather = repeat,
                                                 .all_to_all = can ? repeat_to_all : NULL};
  int counts[] = {ranks, 0};
  static float x[2 * 256], y[2 * 256];
  cubnCommunicator_t communicator = NULL;
  cubnBatchNormDescriptor_t bn;
  cubnTensorDescriptor_t image, param;
  expect_success(cubnCreateBatchNormDescriptor(&bn), "descriptor");
  expect_success(cubnCreateTensorDescriptor(&image), "descriptor");
  expect_success(cubnCreateTensorDescriptor(&param), "descriptor");
  expect_success(
      cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, 2, channels, 1, 1),
      "image");
  expect_success(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL), "param");
  expect_success(cubnCreateCommunicator(&communicator, &functions, counts, 0, ranks), "create");
  if (limit >= 0) expect_success(cubnSetCommunicatorGatherRanks(communicator, limit), "limit");
  expect_success(cubnSetBatchNormCommunicator(suite_handle(), bn, communicator, channels),
                 "attach");
  const cubnBatchNormTensors_t tensors = {
      .x_desc = image, .y_desc = image, .param_desc = param, .x = x, .y = y};
  expect_success(cubnBatchNormForward(suite_handle(), bn, &tensors), "forward");
  expect_success(cubnDestroyBatchNormDescriptor(bn), "destroy");
  expect_success(cubnDestroyCommunicator(communicator), "destroy");
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
  return counts[1] == 1;
}

static void test_choice(void) {
  CU_ASSERT(divides(64, 128, -1, true) && divides(32, 256, 0, true));
  CU_ASSERT(!divides(63, 128, -1, true) && !divides(31, 256, 0, true));
  CU_ASSERT(divides(128, 64, -1, true) && !divides(512, 63, 0, true));
  CU_ASSERT(!divides(64, 256, -1, false) && !divides(64, 256, 1, false));
  CU_ASSERT(divides(2, 3, 1, true) && divides(5, 3, 4, true) && divides(2, 1, 1, true));
  CU_ASSERT(!divides(5, 3, 5, true) && !divides(64, 256, INT_MAX, true));
  CU_ASSERT(!divides(1, 256, 1, true));
}

/* ---- Ranks that differ, and arguments ---- */
static void run_differing(engine_rank *self) {
  static const char *const name = "cubnSetBatchNormCommunicator";
  const bool wrong = self->rank == 1;
  cubnBatchNormDescriptor_t bn;
  expect_success(cubnCreateBatchNormDescriptor(&bn), "descriptor");
  expect_success(cubnSetCommunicatorGatherRanks(self->communicator, wrong ? 1 : 3), "limit");
  expect_error(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5),
               CUBN_STATUS_BAD_PARAM, name, "rank 1 exchanges by all_to_all", "rank 0 gathers");
  expect_success(cubnSetCommunicatorGatherRanks(self->communicator, 2), "limit");
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5), "attach");
  expect_success(cubnDestroyBatchNormDescriptor(bn), "the end of a descriptor");
}

static void test_arguments(void) {
  static const char *const name = "cubnSetCommunicatorGatherRanks";
  const cubnCommunicatorFunctions_t functions = {.gather = repeat};
  static engine e;
  cubnCommunicator_t c;
  e = (engine){0};
  engine_run(&e, 3, run_differing, NULL);
  expect_error(cubnSetCommunicatorGatherRanks(NULL, 1), CUBN_STATUS_BAD_PARAM, name, "communicator",
               "NULL");
  expect_success(cubnCreateCommunicator(&c, &functions, NULL, 0, 1), "create");
  expect_error(cubnSetCommunicatorGatherRanks(c, -1), CUBN_STATUS_BAD_PARAM, name, "ranks", "-1");
  expect_success(cubnDestroyCommunicator(c), "destroy");
}

/* ---- A refusal ---- */
/* With one channel in a block its reason does not fit in there; all have the whole of it. */
static void run_refused(engine_rank *self) {
  static const char *const name = "cubnBatchNormForward";
  const float x[5] = {1, 2, 3, 5, 8};
  float y[5] = {0}, saved[3][5];
  cubnBatchNormDescriptor_t bn;
  cubnTensorDescriptor_t image, param;
  expect_success(cubnCreateBatchNormDescriptor(&bn), "descriptor");
  expect_success(cubnCreateTensorDescriptor(&image), "descriptor");
  expect_success(cubnCreateTensorDescriptor(&param), "descriptor");
  expect_success(cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 1, 5, 1, 1),
                 "image");
  expect_success(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL), "param");
  cubnBatchNormTensors_t tensors = {.x_desc = image,
                                    .y_desc = image,
                                    .param_desc = param,
                                    .x = x,
                                    .y = y,
                                    .saved_mean = saved[0],
                                    .saved_inv_std = saved[1],
                                    .saved_mean_low = self->rank == 1 ? NULL : saved[2]};
  expect_success(cubnSetBatchNormCommunicator(self->handle, bn, self->communicator, 5), "attach");
  expect_error(cubnBatchNormForward(self->handle, bn, &tensors), CUBN_STATUS_BAD_PARAM, name,
               "rank 1 of 7 refuses",
               "saved_mean_low is NULL, but saved_mean is not; with a communicator it is required");
  CU_ASSERT_EQUAL(y[4], 0);
  tensors.saved_mean_low = saved[2];
  expect_success(cubnBatchNormForward(self->handle, bn, &tensors), "the call after a failure");
  CU_ASSERT_EQUAL(saved[0][4], 8);
  expect_success(cubnDestroyBatchNormDescriptor(bn), "destroy");
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
}

static void test_refusal(void) {
  static engine e;
  e = (engine){0};
  engine_divide(true);
  engine_run(&e, 7, run_refused, NULL);
  engine_divide(false);
}

#ifdef CUBN_TESTS_CUDA
static void test_on_device(void) {
  engine_select(&engine_on_device);
  test_bits();
  test_no_values();
  test_arguments();
  engine_select(NULL);
}
#endif

void test_communicator_divided_suites(void) {
  static const suite_test tests[] = {{"bits of gathers", test_bits},
                                     {"no values", test_no_values},
                                     {"arguments", test_arguments},
                                     {NULL, NULL}};
  static const suite_test cpu_tests[] = {
      {"when", test_choice}, {"a long reason", test_refusal}, {NULL, NULL}};
  suite_add("communicator divided", SUITE_DEVICES, tests);
  suite_add("communicator divided, in host memory", SUITE_CPU, cpu_tests);
#ifdef CUBN_TESTS_CUDA
  static const suite_test device_tests[] = {{"all", test_on_device}, {NULL, NULL}};
  suite_add("communicator divided on the device", SUITE_CUDA, device_tests);
#endif
}
