/* The extended interface: it gives the same bits as the functions of cuDNN where both can express
 * the call; and what its attributes and absent tensors mean. */
#include <stdio.h>
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct call {
  line_problem problem;
  data_set before, after;
  run_context run;
} call;

static bool begin(call *c, const char *line) {
  char report[512] = "";
  memset(c, 0, sizeof *c);
  const char *const wrong = line_parse(line, &c->problem);
  return SUITE_CHECK(!wrong, "%s: %s", line, wrong) &&
         SUITE_CHECK(run_create(suite_handle(), &c->problem, &c->before, report, sizeof report),
                     "%s: %s", line, report);
}

/* Makes the call through this function; the results are in `after` then. */
static bool finish(call *c, cubnStatus_t (*function)(const run_context *)) {
  CU_ASSERT_FATAL(data_copy(&c->before, &c->after));
  bool good = expect_success(run_open(&c->run, suite_handle(), &c->problem, &c->before), "open");
  if (!good) return false;
  good = expect_success(function(&c->run), "the call") &&
         expect_success(run_download(&c->run, &c->after), "download");
  run_close(&c->run);
  return good;
}

static void end(call *c) {
  data_destroy(&c->before);
  data_destroy(&c->after);
}

static void expect_equal(const call *a, const call *b, const char *what) {
  char line[256], report[512] = "";
  line_format(&a->problem, line, sizeof line);
  SUITE_CHECK(compare_equal(&a->problem, &a->after, &b->problem, &b->after, report, sizeof report),
              "%s: %s: %s", line, what, report);
}

/* ---- The functions agree ---- */
static cubnStatus_t call_extended(const run_context *run) {
  const cubnBatchNormTensors_t tensors = run_tensors(run);
  return run->problem.pass == LINE_BACKWARD
             ? cubnBatchNormBackward(run->handle, run->batch_norm, &tensors)
             : cubnBatchNormForward(run->handle, run->batch_norm, &tensors);
}

/* The Ex functions with CUBN_BATCHNORM_OPS_BN. */
static cubnStatus_t call_ex(const run_context *run) {
  const line_problem *const p = &run->problem;
  void *const *const at = run->pointers;
  const float alpha = (float)p->alpha, beta = (float)p->beta, param_alpha = (float)p->param_alpha,
              param_beta = (float)p->param_beta;
  if (p->pass == LINE_TRAIN)
    return cubnBatchNormalizationForwardTrainingEx(
        run->handle, p->mode, CUBN_BATCHNORM_OPS_BN, &alpha, &beta, run->tensors[LINE_X],
        at[DATA_X], NULL, NULL, run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params,
        at[DATA_SCALE], at[DATA_BIAS], p->factor, at[DATA_RUNNING_MEAN], at[DATA_RUNNING_VAR],
        p->epsilon, at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], NULL, NULL, 0, NULL, 0);
  return cubnBatchNormalizationBackwardEx(
      run->handle, p->mode, CUBN_BATCHNORM_OPS_BN, &alpha, &beta, &param_alpha, &param_beta,
      run->tensors[LINE_X], at[DATA_X], NULL, NULL, run->tensors[LINE_DY], at[DATA_DY], NULL, NULL,
      run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params, at[DATA_SCALE], NULL,
      at[DATA_DSCALE], at[DATA_DBIAS], p->epsilon, at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD],
      NULL, NULL, 0, NULL, 0);
}

static void test_same_bits(void) {
  static const char *const lines[] = {
      "train nchw f32 n4c5h7w9 data=spread",
      "train nhwc f16 n4c12h5w5 alpha=0.5 beta=-0.25 data=spread",
      "train nchw+1 bf16 n3c4h5w6 norunning nosaved data=spread",
      "train nc f32 n33c7 factor=1 data=spread",
      "infer nchw f32 n4c5h7w9",
      "infer nhwc f64 n4c5h7w9 beta=1",
      "backward nchw f32 n4c5h7w9 mean=3 data=spread",
      "backward nhwc bf16 n4c12h5w5 nosaved pbeta=1 palpha=-2 beta=0.5 data=spread",
      "backward nhwc f32 n5c3h4w5 peract inplace data=spread",
      "train nhwc f16 n4c12h5w5 add_relu data=spread",
      "train nchw f64 n4c12h5w5 gelu data=spread",
      "backward nchw f32 n4c5h7w9 relu data=ties",
      "backward nhwc f16 n4c12h5w5 add_tanh inplace_z data=spread",
  };
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    call plain, other;
    if (begin(&plain, lines[i]) && finish(&plain, run_call)) {
      const bool has_ex = plain.problem.pass != LINE_INFER && !line_is_fused(&plain.problem) &&
                          plain.problem.type != CUBN_DATA_DOUBLE;
      if (begin(&other, lines[i]) && finish(&other, call_extended))
        expect_equal(&plain, &other, "the extended interface differs");
      end(&other);
      if (has_ex && begin(&other, lines[i])) {
        if (finish(&other, call_ex)) expect_equal(&plain, &other, "Ex differs");
        end(&other);
      }
    }
    end(&plain);
  }
}

/* ---- Absent tensors ---- */
static void fill(call *c, int array, double value) {
  data_array *const to = &c->before.arrays[array];
  for (int64_t i = 0; i < to->extent && to->block; ++i) data_set_value(to, i, value);
}

/* Absent scale and bias are 1 and 0. The pre-activation is computed from them in both passes. */
static void test_no_scale_no_bias(void) {
  static const char *const lines[] = {"train nchw f32 n4c5h7w9 data=spread",
                                      "train nhwc f16 n4c12h5w5 add_relu data=spread",
                                      "infer nchw f32 n4c5h7w9", "infer nhwc f16 n4c12h5w5 tanh",
                                      "backward nchw f64 n4c5h7w9 frozen"};
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    char line[128];
    call with, without;
    snprintf(line, sizeof line, "%s noscale nobias", lines[i]);
    if (begin(&with, lines[i]) && begin(&without, line)) {
      fill(&with, DATA_SCALE, 1);
      fill(&with, DATA_BIAS, 0);
      if (finish(&with, run_call) && finish(&without, run_call))
        expect_equal(&with, &without, "with scale 1 and bias 0 it differs");
    }
    end(&with);
    end(&without);
  }
}

static bool same_array(const call *a, const call *b, int array) {
  const data_array *const p = &a->after.arrays[array], *const q = &b->after.arrays[array];
  return !memcmp(data_elements(p), data_elements(q), (size_t)p->extent * data_type_bytes(p->type));
}

/* An output that is not wanted does not change the others. Sums may be formed in another order
 * where nothing else is computed: other tests compare them with the oracle. */
static void test_some_gradients(void) {
  static const struct {
    const char *words;
    int array; /* These outputs stay. */
  } cases[] = {
      {"nodscale", DATA_OUTPUT}, {"nodbias", DATA_OUTPUT}, {"nodscale nodbias", DATA_OUTPUT},
      {"nodz", DATA_OUTPUT},     {"nodscale", DATA_DZ},    {"nodx", DATA_DZ}};
  static const char base[] = "backward nchw f32 n4c5h7w9 add_leaky data=spread";
  call all;
  if (!begin(&all, base) || !finish(&all, run_call)) return;
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    char line[128];
    call some;
    snprintf(line, sizeof line, "%s %s", base, cases[i].words);
    if (begin(&some, line) && finish(&some, run_call))
      SUITE_CHECK(same_array(&all, &some, cases[i].array), "%s: another %s", line,
                  data_array_name(&all.problem, cases[i].array));
    end(&some);
  }
  end(&all);
}

/* ---- Attributes ---- */
/* A factor in device memory gives the same bits as the attribute; so do separate buffers. */
static void test_factor(void) {
  static const char *const factors[] = {"0", "0.25", "0.625", "1"};
  static const char *const words[] = {"devfactor", "separate", "separate devfactor"};
  for (size_t i = 0; i < COUNT_OF(factors); ++i) {
    char line[128];
    call attribute, other;
    snprintf(line, sizeof line, "train nhwc f32 n4c12h5w5 factor=%s data=spread", factors[i]);
    if (!begin(&attribute, line) || !finish(&attribute, run_call)) return;
    for (size_t k = 0; k < COUNT_OF(words); ++k) {
      snprintf(line, sizeof line, "train nhwc f32 n4c12h5w5 factor=%s data=spread %s", factors[i],
               words[k]);
      if (begin(&other, line)) {
        for (int a = 0; a < 2 && data_has(&other.before, DATA_PREVIOUS_MEAN); ++a) {
          const data_array *const from = &attribute.before.arrays[DATA_RUNNING_MEAN + a];
          memcpy(other.before.arrays[DATA_PREVIOUS_MEAN + a].block, from->block, from->block_bytes);
        }
        if (finish(&other, run_call)) expect_equal(&attribute, &other, words[k]);
      }
      end(&other);
    }
    end(&attribute);
  }
}

/* The count belongs to given sums: it plays no part in sums that are computed. */
static cubnStatus_t call_with_count(const run_context *run) {
  expect_success(cubnSetBatchNormAttribute(run->batch_norm, CUBN_BATCHNORM_COUNT, 12345), "set");
  return call_extended(run);
}

static void test_count(void) {
  call without, with;
  const char *const line = "backward nchw f32 n4c5h7w9 data=spread";
  if (begin(&without, line) && begin(&with, line) && finish(&without, run_call) &&
      finish(&with, call_with_count))
    expect_equal(&without, &with, "CUBN_BATCHNORM_COUNT changes a pass that computes its sums");
  end(&without);
  end(&with);
}

/* Constant statistics leave nothing behind: a second pass gives the same result. */
static void test_frozen_again(void) {
  static const char *const lines[] = {"backward nchw f32 n4c5h7w9 frozen data=spread",
                                      "backward nhwc f16 n4c12h5w5 frozen add_relu inplace",
                                      "backward nc f64 n33c7 frozen invstd gelu"};
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    call first, again;
    if (begin(&first, lines[i]) && finish(&first, run_call) && begin(&again, lines[i]) &&
        finish(&again, run_call))
      expect_equal(&first, &again, "a second pass differs");
    end(&first);
    end(&again);
  }
}

void test_extended_suites(void) {
  static const suite_test tests[] = {{"the functions agree", test_same_bits},
                                     {"no scale, no bias", test_no_scale_no_bias},
                                     {"some gradients", test_some_gradients},
                                     {"factor", test_factor},
                                     {"count", test_count},
                                     {"frozen", test_frozen_again},
                                     {NULL, NULL}};
  suite_add("extended interface", SUITE_DEVICES, tests);
}
