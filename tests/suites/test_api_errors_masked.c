/* Masks and lengths, made wrong one at a time: status and message; nothing was written. */
#include <stdint.h>

#include "suites/support/engine.h"
#include "suites/support/expect_error.h"
#include "suites/support/extended_call.h"

enum { RANK = 4 };

typedef struct mask_case {
  cubnDataType_t type;
  int rank, dims[RANK], strides[RANK];
  const char *value; /* that the message names; NULL: the mask is right */
} mask_case;

/* x is of 2 x 3 x 4 x 5. */
static const mask_case masks[] = {
    {CUBN_DATA_FLOAT, RANK, {2, 1, 4, 5}, {20, 20, 5, 1}, "CUBN_DATA_FLOAT"},
    {CUBN_DATA_INT8, 3, {2, 1, 4}, {4, 4, 1}, "rank 3"},
    {CUBN_DATA_INT8, RANK, {2, 1, 4, 4}, {16, 16, 4, 1}, "size 4 in dimension 3"},
    {CUBN_DATA_INT8, RANK, {2, 3, 4, 5}, {60, 20, 5, 1}, "stride 20 in dimension 1"},
    {CUBN_DATA_INT8, RANK, {2, 3, 4, 5}, {20, 0, 5, 1}, NULL},
    {CUBN_DATA_INT8, RANK, {1, 1, 1, 1}, {1, 1, 1, 1}, NULL},
    {CUBN_DATA_INT8, RANK, {1, 1, 4, 1}, {9, 9, 2, 1}, NULL},
};

static void test_masks(void) {
  for (int which = TRAIN; which <= BACKWARD; which += BACKWARD - TRAIN) {
    cubnTensorDescriptor_t desc;
    extended_call f;
    CU_ASSERT(!cubnCreateTensorDescriptor(&desc));
    if (!extended_open(&f, which)) return;
    const void *const bytes = f.valid.saved_mean; /* memory that is not written */
    cubnBatchNormTensors_t t = f.valid;
    t.mask = bytes;
    extended_refuse(&f, &t, "mask_desc", "NULL");
    t.mask_desc = desc;
    extended_refuse(&f, &t, "mask_desc", NULL);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; ++i) {
      const mask_case *const m = &masks[i];
      t = f.valid;
      t.mask_desc = desc;
      CU_ASSERT(!cubnSetTensorNdDescriptor(desc, m->type, m->rank, m->dims, m->strides));
      extended_refuse(&f, &t, m->value ? "mask_desc" : "mask", m->value ? m->value : "NULL");
    }
    extended_close(&f);
    cubnDestroyTensorDescriptor(desc);
  }
}

/* Both, misaligned, in memory of an output; and lengths along a dimension that x does not have. */
static void test_pointers(void) {
  extended_call f;
  cubnTensorDescriptor_t mask;
  const int dims[] = {2, 1, 4, 5}, strides[] = {20, 20, 5, 1};
  CU_ASSERT(!cubnCreateTensorDescriptor(&mask));
  CU_ASSERT(!cubnSetTensorNdDescriptor(mask, CUBN_DATA_INT8, RANK, dims, strides));
  if (!extended_open(&f, STATISTICS)) return;
  cubnBatchNormTensors_t t = f.valid;
  t.lengths = t.x;
  t.mask_desc = mask;
  extended_refuse(&f, &t, "mask", "lengths");
  t.mask_desc = NULL;
  t.lengths = (const char *)t.x + 2;
  extended_refuse(&f, &t, "lengths", "4 bytes");
  t.lengths = t.saved_mean;
  extended_refuse(&f, &t, "saved_mean", "lengths");
  t.lengths = NULL;
  t.mask = (const char *)t.saved_mean + 1;
  t.mask_desc = mask;
  extended_refuse(&f, &t, "saved_mean", "mask");
  t = f.valid;
  t.lengths = t.x;
  expect_success(cubnSetBatchNormAttribute(f.run.batch_norm, CUBN_BATCHNORM_LENGTHS_DIM, RANK),
                 "set");
  extended_refuse(&f, &t, "CUBN_BATCHNORM_LENGTHS_DIM", "4");
  extended_close(&f);
  if (extended_open(&f, TRAIN)) {
    t = f.valid;
    t.mask = t.y;
    t.mask_desc = mask;
    extended_refuse(&f, &t, "y", "mask");
    extended_close(&f);
  }
  cubnDestroyTensorDescriptor(mask);
}

/* Given sums come with their count, as only the device knows how many elements are valid. */
static void test_count(void) {
  extended_call f;
  if (!extended_open(&f, SUMS)) return;
  cubnBatchNormTensors_t t = f.valid;
  t.lengths = t.x;
  extended_refuse(&f, &t, "CUBN_BATCHNORM_COUNT", "lengths");
  extended_close(&f);
}

/* No factor of m / (m - 1) is that of all channels. */
static void test_unbiased(void) {
  extended_call f;
  if (!extended_open(&f, TRAIN)) return;
  cubnBatchNormTensors_t t = f.valid;
  t.lengths = t.x;
  const cubnBatchNormDescriptor_t descriptor = f.run.batch_norm;
  expect_success(
      cubnSetBatchNormAttribute(descriptor, CUBN_BATCHNORM_VARIANCE, CUBN_VARIANCE_UNBIASED),
      "set");
  expect_error(extended_make(&f, suite_handle(), descriptor, &t), CUBN_STATUS_NOT_SUPPORTED,
               extended_function(&f), "CUBN_BATCHNORM_VARIANCE", "lengths");
  expect_success(
      cubnSetBatchNormAttribute(descriptor, CUBN_BATCHNORM_VARIANCE, CUBN_VARIANCE_BIASED), "set");
  extended_close(&f);
}

static void run_with_communicator(engine_rank *self) {
  static const char *const lines[] = {"train nchw f32 n2c5h4w5 mask",
                                      "backward nchw f32 n2c5h4w5 lengths=3"};
  for (int i = 0; i < 2; ++i) {
    line_problem problem;
    data_set data;
    run_context run;
    char report[512] = "";
    CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[i], &problem));
    CU_ASSERT_FATAL(run_create(self->handle, &problem, &data, report, sizeof report));
    if (expect_success(run_open(&run, self->handle, &problem, &data), "open")) {
      expect_success(
          cubnSetBatchNormCommunicator(self->handle, run.batch_norm, self->communicator, 5),
          "attach");
      expect_error(run_extended(&run), CUBN_STATUS_NOT_SUPPORTED,
                   i ? "cubnBatchNormBackward" : "cubnBatchNormForward", i ? "lengths" : "mask",
                   "communicator");
      run_close(&run);
    }
    data_destroy(&data);
  }
}

static void test_communicator(void) {
  static engine e;
  e = (engine){0};
  engine_run(&e, 2, run_with_communicator, NULL);
}

void test_api_errors_masked_suites(void) {
  static const suite_test tests[] = {{"masks", test_masks},
                                     {"pointers", test_pointers},
                                     {"count of given sums", test_count},
                                     {"with the unbiased variance", test_unbiased},
                                     {"with a communicator", test_communicator},
                                     {NULL, NULL}};
  suite_add("api errors of masks", SUITE_DEVICES, tests);
}
