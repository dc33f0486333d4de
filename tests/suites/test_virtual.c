/* Virtual batches: one call gives the bits of a call for each, and what such calls need is checked
 * before the first of them. */
#include <stdlib.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/virtual_pair.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A call for each virtual batch, as a user would make them ---- */
static void *after(const void *pointer, int64_t bytes) {
  return pointer ? (void *)((uintptr_t)pointer + (uintptr_t)bytes) : NULL;
}

static int64_t bytes_before(const run_context *run, int tensor, int64_t first) {
  return first * run->problem.strides[tensor][0] * (int64_t)data_type_bytes(run->problem.type);
}

static void describe_samples(const run_context *run, int64_t samples) {
  const line_problem *const p = &run->problem;
  int64_t dims[CUBN_DIM_MAX];
  memcpy(dims, p->dims, sizeof dims);
  dims[0] = samples;
  for (int i = 0; i < LINE_TENSORS; ++i)
    if (run->tensors[i])
      expect_success(
          cubnSetTensorNdDescriptor64(run->tensors[i], p->type, p->rank, dims, p->strides[i]),
          "describe");
}

/* The mask, or the lengths, of the samples. */
static void move_mask(cubnBatchNormTensors_t *t, int64_t first, int64_t samples) {
  int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
  cubnDataType_t type;
  int rank = 0;
  t->lengths = after(t->lengths, first * (int64_t)sizeof(int32_t));
  if (!t->mask_desc) return;
  expect_success(
      cubnGetTensorNdDescriptor64(t->mask_desc, CUBN_DIM_MAX, &type, &rank, dims, strides), "get");
  t->mask = after(t->mask, first * strides[0]);
  dims[0] = samples;
  expect_success(cubnSetTensorNdDescriptor64(t->mask_desc, type, rank, dims, strides), "describe");
}

static void move_saved(cubnBatchNormTensors_t *t, const virtual_pair *p, int64_t batch) {
  const int64_t bytes = batch * (int64_t)(p->bytes[0] / VIRTUAL_BATCHES_MAX);
  t->saved_mean = after(t->saved_mean, bytes);
  t->saved_mean_low = after(t->saved_mean_low, bytes);
  t->saved_inv_std = after(t->saved_inv_std, bytes);
  if (t->nonfinite)
    t->nonfinite = after(t->nonfinite, batch * (int64_t)(p->bytes[4] / VIRTUAL_BATCHES_MAX));
  const size_t batches = (size_t)((VIRTUAL_SAMPLES + p->samples - 1) / p->samples);
  t->reserve_bytes /= batches;
  t->reserve = after(t->reserve, batch * (int64_t)t->reserve_bytes);
}

static bool run_one(const virtual_pair *p, int64_t batch) {
  const run_context *const f = &p->forward, *const b = &p->backward;
  const int64_t first = batch * p->samples, left = VIRTUAL_SAMPLES - first;
  const int64_t samples = left < p->samples ? left : p->samples;
  cubnBatchNormTensors_t forward = virtual_forward(p), backward = virtual_backward(p);
  move_saved(&forward, p, batch);
  move_saved(&backward, p, batch);
  forward.x = backward.x = after(forward.x, bytes_before(f, LINE_X, first));
  forward.y = after(forward.y, bytes_before(f, LINE_OUTPUT, first));
  forward.z = after(forward.z, bytes_before(f, LINE_Z, first));
  backward.dx = after(backward.dx, bytes_before(b, LINE_OUTPUT, first));
  backward.dy = after(backward.dy, bytes_before(b, LINE_DY, first));
  backward.dz = after(backward.dz, bytes_before(b, LINE_Z, first));
  describe_samples(f, samples);
  describe_samples(b, samples);
  move_mask(&forward, first, samples);
  move_mask(&backward, first, samples);
  if (batch > 0) {
    forward.previous_running_mean = forward.running_mean;
    forward.previous_running_var = forward.running_var;
    expect_success(cubnSetBatchNormAttribute(b->batch_norm, CUBN_BATCHNORM_PARAM_BETA, 1), "set");
  }
  return expect_success(cubnBatchNormForward(suite_handle(), f->batch_norm, &forward), "forward") &&
         expect_success(cubnBatchNormBackward(suite_handle(), b->batch_norm, &backward),
                        "backward");
}

/* ---- Comparison ---- */
static bool read_results(virtual_pair *p) {
  bool good = expect_success(run_download(&p->forward, &p->forward_data), "download") &&
              expect_success(run_download(&p->backward, &p->backward_data), "download");
  for (int i = 0; i < VIRTUAL_EXTRAS && good; ++i) {
    p->results[i] = calloc(p->bytes[i] + 1, 1);
    good = SUITE_CHECK(p->results[i], "no memory") &&
           expect_success(cubnDownloadBuffer(p->extra[i], 0, p->results[i], p->bytes[i]), "read");
  }
  return good;
}

static void expect_same_sets(const data_set *a, const data_set *b, const line_problem *problem,
                             const char *line) {
  for (int i = 0; i < DATA_ARRAYS; ++i) {
    const data_array *const one = &a->arrays[i], *const two = &b->arrays[i];
    if (one->block)
      SUITE_CHECK(!memcmp(one->block, two->block, one->block_bytes), "%s: %s differs", line,
                  data_array_name(problem, i));
  }
}

static void expect_same(virtual_pair *a, virtual_pair *b, const char *line) {
  if (!read_results(a) || !read_results(b)) return;
  expect_same_sets(&a->forward_data, &b->forward_data, &a->forward.problem, line);
  expect_same_sets(&a->backward_data, &b->backward_data, &a->backward.problem, line);
  for (int i = 0; i < VIRTUAL_EXTRAS; ++i)
    SUITE_CHECK(!memcmp(a->results[i], b->results[i], a->bytes[i]), "%s: saved %d differs", line,
                i);
}

static const virtual_line lines[] = {
    {"nchw f32 n7c5h6w7 data=spread mean=100", "", ""},
    {"nhwc f32 n7c5h6w7 relu data=spread", "separate", ""},
    {"nhwc f16 n7c5h6w7 add_relu data=spread", "devfactor", ""},
    {"nchw bf16 n7c5h6w7 add_tanh data=spread", "", ""},
    {"nchw+1 f64 n7c5h6w7 gelu data=spread mean=1e4", "separate", ""},
    {"cnhw f32 n7c5h6w7 add_leaky data=spread", "", ""},
    {"nc f32 n7c5 data=spread", "biased", ""},
    {"nchw f32 n7c5h6w7 data=nan", "", ""},
    {"nchw f32 n7c5h6w7 mask relu data=spread", "", ""},
    {"nhwc f16 n7c5h6w7 lengths=3 data=spread", "", ""},
    {"nhwc f32 n7c5h2w3 peract relu data=spread", "", ""},
    {"nchw f32 n7c8h6w7 data=spread mean=100", "separate", ""},
    {"nchw f64 n7c8h3w7 data=spread", "guard", "palpha=2 pbeta=0.5"},
    {"nhwc f16 n7c16h5w7 relu data=spread", "devfactor", "nosaved"},
    {"nchw f32 n7c8h6w7 data=spread", "", "nosaved"},
    {"nchw bf16 n7c16h5w5 add_tanh data=spread", "", ""},
    {"nhwc f32 n7c64h4w8 add_relu data=spread", "guard", ""},
    {"nchw f32 n7c64h4w8 add_relu data=nan", "guard", ""},
    {"nchw f32 n7c2h104w104 leaky data=spread", "", ""},
    {"nhwc f32 n7c512h7w7 relu data=spread mean=100", "guard", "palpha=2 pbeta=0.5"},
    {"nchw f32 n7c512h7w7 data=spread", "", "nosaved"},
    {"nchw bf16 n7c32h28w28 add_relu data=nan", "separate", ""},
    {"nchw f32 n7c32h28w28 data=spread", "biased", ""},
    {"nhwc f32 n7c64h28w28 add_relu data=spread", "", ""},
};

static void test_calls(void) {
  static const int64_t samples[] = {1, 3, 6};
  for (size_t i = 0; i < COUNT_OF(lines); ++i)
    for (size_t k = 0; k < COUNT_OF(samples); ++k) {
      virtual_pair whole = {0}, parts = {0};
      if (virtual_open(&whole, &lines[i], samples[k]) &&
          virtual_open(&parts, &lines[i], samples[k]) && virtual_set_samples(&parts, 0) &&
          virtual_run(&whole)) {
        bool good = true;
        for (int64_t batch = 0; batch * samples[k] < VIRTUAL_SAMPLES && good; ++batch)
          good = run_one(&parts, batch);
        if (good) expect_same(&whole, &parts, lines[i].both);
      }
      virtual_close(&whole);
      virtual_close(&parts);
    }
}

/* One virtual batch is the batch. */
static void test_one(void) {
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    virtual_pair large = {0}, plain = {0};
    if (virtual_open(&large, &lines[i], VIRTUAL_SAMPLES) && virtual_open(&plain, &lines[i], 0) &&
        SUITE_CHECK(large.bytes[3] == plain.bytes[3], "%s: reserve sizes", lines[i].both) &&
        virtual_run(&large) && virtual_run(&plain))
      expect_same(&large, &plain, lines[i].both);
    virtual_close(&large);
    virtual_close(&plain);
  }
}

/* ---- Refusals, before anything is written ---- */
static void refuse(virtual_pair *p, const cubnBatchNormTensors_t *t, cubnStatus_t wanted,
                   const char *argument, const char *value) {
  expect_error(cubnBatchNormForward(suite_handle(), p->forward.batch_norm, t), wanted,
               "cubnBatchNormForward", argument, value);
  SUITE_CHECK(read_results(p), "read");
  for (size_t k = 0; k < p->bytes[0] && p->results[0]; ++k)
    if (!SUITE_CHECK(p->results[0][k] == 0xff, "saved_mean was written")) break;
  for (int i = 0; i < VIRTUAL_EXTRAS; ++i) {
    free(p->results[i]);
    p->results[i] = NULL;
  }
}

static int copy(void *context, const double *send, double *receive, size_t count,
                cubnStream_t stream) {
  (void)context;
  (void)stream;
  memcpy(receive, send, count * sizeof *send);
  return 0;
}

static void refuse_communicator(const virtual_pair *p) {
  static const cubnCommunicatorFunctions_t functions = {.gather = copy};
  const cubnBatchNormDescriptor_t descriptor = p->forward.batch_norm;
  const cubnBatchNormTensors_t t = virtual_forward(p);
  cubnCommunicator_t communicator = NULL;
  expect_success(cubnCreateCommunicator(&communicator, &functions, NULL, 0, 1), "create");
  expect_success(
      cubnSetBatchNormCommunicator(suite_handle(), descriptor, communicator, VIRTUAL_CHANNELS),
      "set");
  expect_error(cubnBatchNormForward(suite_handle(), descriptor, &t), CUBN_STATUS_NOT_SUPPORTED,
               "cubnBatchNormForward", "communicator", "3");
  expect_success(cubnSetBatchNormCommunicator(suite_handle(), descriptor, NULL, 0), "unset");
  expect_success(cubnDestroyCommunicator(communicator), "destroy");
}

static void test_refusals(void) {
  virtual_pair p;
  if (virtual_open(&p, &lines[2], 3)) {
    cubnBatchNormTensors_t t = virtual_forward(&p);
    t.saved_inv_std = after(t.saved_mean, 2 * VIRTUAL_CHANNELS * 4); /* the third batch's */
    refuse(&p, &t, CUBN_STATUS_BAD_PARAM, "saved_inv_std", NULL);
    t = virtual_forward(&p);
    t.reserve_bytes -= 1;
    refuse(&p, &t, CUBN_STATUS_BAD_PARAM, "reserve", NULL);
    t = virtual_forward(&p);
    t.y_desc = NULL;
    refuse(&p, &t, CUBN_STATUS_BAD_PARAM, "y_desc", NULL);
    t.x_desc = NULL;
    refuse(&p, &t, CUBN_STATUS_BAD_PARAM, "x_desc", NULL);
    refuse_communicator(&p);
    const cubnBatchNormTensors_t b = virtual_backward(&p);
    expect_success(
        cubnSetBatchNormAttribute(p.backward.batch_norm, CUBN_BATCHNORM_SUMS, CUBN_SUMS_GIVEN),
        "set");
    expect_error(cubnBatchNormBackward(suite_handle(), p.backward.batch_norm, &b),
                 CUBN_STATUS_NOT_SUPPORTED, "cubnBatchNormBackward", "CUBN_BATCHNORM_VIRTUAL_BATCH",
                 "3");
    expect_error(cubnSetBatchNormAttribute(p.forward.batch_norm, CUBN_BATCHNORM_VIRTUAL_BATCH, 1.5),
                 CUBN_STATUS_BAD_PARAM, "cubnSetBatchNormAttribute", "CUBN_BATCHNORM_VIRTUAL_BATCH",
                 "1.5");
  }
  virtual_close(&p);
}

void test_virtual_suites(void) {
  static const suite_test tests[] = {{"the bits of a call for each", test_calls},
                                     {"one virtual batch", test_one},
                                     {"refusals", test_refusals},
                                     {NULL, NULL}};
  suite_add("virtual", SUITE_DEVICES, tests);
}
