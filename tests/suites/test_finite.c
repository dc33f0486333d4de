/* The finite guard: what a batch that is not finite leaves in the running statistics, and the flags
 * that tell of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kit/oracle.h"
#include "kit/run_algo.h"
#include "suites/support/all_rows.h"
#include "suites/support/expect_error.h"
#include "suites/support/lone_rank.h"

enum { CHANNELS_MAX = 128 };

/* The running statistics, by every algorithm: NaN, infinities, and variances beyond float. */
static void test_algorithms(void) {
  static const char *const lines[] = {"train nchw f32 n4c7h7w9 guard data=nan",
                                      "train nchw f32 n4c7h7w9 guard data=spread",
                                      "train nchw f32 n2c7h40w41 guard data=inf factor=1",
                                      "train nchw f32 n2c3h4w5 guard data=large",
                                      "train nchw f64 n2c3h4w5 guard data=large",
                                      "train nhwc bf16 n2c65h5w5 guard data=nan add_relu",
                                      "train nhwc f16 n2c12h5w5 guard data=inf separate biased",
                                      "train nc f64 n9c7 guard data=inf devfactor statistics",
                                      "train nchw:nhwc f32 n2c7h4w5 guard data=nan factor=1",
                                      "train nchw+1 f32 n2c7h4w5 guard data=nan separate nosaved",
                                      "train nc f32 n0c5 guard factor=1",
                                      NULL};
  all_rows_check(lines);
}

/* ---- Flags ---- */
typedef struct flags {
  cubnBuffer_t buffer;
  int32_t values[CHANNELS_MAX + 1]; /* of the channels, and any_nonfinite behind them */
  int channels;
} flags;

/* Makes the call with flags, of which any_nonfinite is `any` before. */
static void call_with_flags(run_context *run, flags *f, int32_t any) {
  cubnBatchNormTensors_t t = run_tensors(run);
  void *memory = NULL;
  const size_t bytes = sizeof(int32_t) * (size_t)(f->channels + 1);
  for (int i = 0; i < f->channels; ++i) f->values[i] = 77;
  f->values[f->channels] = any;
  expect_success(cubnCreateBuffer(run->handle, bytes, &f->buffer), "buffer");
  expect_success(cubnUploadBuffer(f->buffer, 0, f->values, bytes), "upload");
  expect_success(cubnGetBufferPointer(f->buffer, &memory), "pointer");
  t.nonfinite = memory;
  t.any_nonfinite = t.nonfinite + f->channels;
  expect_success(cubnBatchNormForward(run->handle, run->batch_norm, &t), "the call");
  expect_success(cubnDownloadBuffer(f->buffer, 0, f->values, bytes), "download");
  expect_success(cubnDestroyBuffer(f->buffer), "destroy");
}

static void check_flags(const char *line, const char *algo, const line_problem *problem,
                        const data_set *before, int32_t any) {
  run_context run;
  flags f = {.channels = (int)line_channels(problem)};
  if (!expect_success(run_open(&run, suite_handle(), problem, before), line)) return;
  call_with_flags(&run, &f, any);
  run_close(&run);
  int32_t wanted_any = any;
  for (int i = 0; i < f.channels; ++i) {
    const oracle_channel channel = oracle_compute(problem, before, i);
    const int32_t wanted = channel.is_finite ? 0 : 1, got = f.values[line_param_index(problem, i)];
    if (wanted) wanted_any = 1;
    SUITE_CHECK(got == wanted, "%s: %s: nonfinite[%d] is %d", line, algo, i, (int)got);
  }
  SUITE_CHECK(f.values[f.channels] == wanted_any, "%s: %s: any_nonfinite is %d", line, algo,
              (int)f.values[f.channels]);
}

/* By every algorithm, with guard and without. */
static void test_flags(void) {
  static const char *const lines[] = {"train nchw f32 n4c7h7w9 guard data=nan",
                                      "train nchw f32 n4c7h7w9 data=inf",
                                      "train nchw f32 n2c7h40w41 data=spread",
                                      "train nchw f32 n2c3h4w5 data=large",
                                      "train nchw f64 n2c3h4w5 data=large",
                                      "train nhwc f16 n2c65h5w5 guard data=nan add_relu",
                                      "train nhwc f32 n3c9h2w2 peract data=nan",
                                      "train nhwc f32 n2c3h2w2 peract xparams data=inf",
                                      "train nchw:nhwc f32 n2c7h4w5 data=nan statistics"};
  const cubn_algo *const *rows = suite_handle()->backend->algos[CUBN_PASS_TRAIN];
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    line_problem problem;
    data_set before;
    CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[i], &problem));
    CU_ASSERT_FATAL(data_create(&problem, &before));
    for (int row = 0; rows[row]; ++row) {
      strcpy(suite_handle()->forced_algo, rows[row]->name);
      check_flags(lines[i], rows[row]->name, &problem, &before, row % 2);
    }
    suite_handle()->forced_algo[0] = 0;
    data_destroy(&before);
  }
}

/* An empty batch is finite; and flags may be all that is wanted. */
static void test_few(void) {
  static const char *const lines[] = {"train nc f32 n0c5 norunning nosaved",
                                      "train nc f32 n9c7 data=nan"};
  for (int i = 0; i < 2; ++i) {
    line_problem problem;
    data_set before;
    run_context run;
    flags f = {0};
    CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[i], &problem));
    CU_ASSERT_FATAL(data_create(&problem, &before));
    f.channels = (int)line_channels(&problem);
    if (expect_success(run_open(&run, suite_handle(), &problem, &before), lines[i])) {
      for (int array = DATA_OUTPUT; i == 1 && array < DATA_ARRAYS; ++array)
        run.pointers[array] = NULL;
      run.problem.only_statistics = i == 1;
      call_with_flags(&run, &f, 0);
      for (int k = 0; k < f.channels; ++k) {
        const int32_t wanted = i == 1 && k % 3 == 0; /* the channels that data=nan marks */
        SUITE_CHECK(f.values[k] == wanted, "%s: nonfinite[%d] is %d", lines[i], k,
                    (int)f.values[k]);
      }
      SUITE_CHECK(f.values[f.channels] == i, "%s: any_nonfinite", lines[i]);
      run_close(&run);
    }
    data_destroy(&before);
  }
}

/* ---- Refusals ---- */
static void test_refusals(void) {
  line_problem problem;
  data_set before;
  run_context run;
  CU_ASSERT_PTR_NULL_FATAL(line_parse("train nc f32 n9c7", &problem));
  CU_ASSERT_FATAL(data_create(&problem, &before));
  if (expect_success(run_open(&run, suite_handle(), &problem, &before), "open")) {
    const cubnBatchNormTensors_t valid = run_tensors(&run);
    static const char function[] = "cubnBatchNormForward";
    cubnBatchNormTensors_t t = valid;
    t.nonfinite = (int32_t *)(void *)((char *)valid.running_mean + 2);
    expect_error(cubnBatchNormForward(suite_handle(), run.batch_norm, &t), CUBN_STATUS_BAD_PARAM,
                 function, "nonfinite", "4");
    t.nonfinite = valid.running_var;
    expect_error(cubnBatchNormForward(suite_handle(), run.batch_norm, &t), CUBN_STATUS_BAD_PARAM,
                 function, "nonfinite", "running_var");
    t = valid;
    t.any_nonfinite = valid.saved_mean;
    expect_error(cubnBatchNormForward(suite_handle(), run.batch_norm, &t), CUBN_STATUS_BAD_PARAM,
                 function, "any_nonfinite", "saved_mean");
    run_close(&run);
  }
  data_destroy(&before);
}

static void test_communicator(void) {
  lone_rank_refuse("train nc f32 n9c7 low guard", "CUBN_BATCHNORM_RUNNING_GUARD");
}

void test_finite_suites(void) {
  static const suite_test tests[] = {{"every algorithm", test_algorithms},
                                     {"flags", test_flags},
                                     {"few arrays", test_few},
                                     {"refusals", test_refusals},
                                     {"with a communicator", test_communicator},
                                     {0}};
  suite_add("finite", SUITE_DEVICES, tests);
}
