/* Parameter descriptors other than the derived one: gaps between the parameters, and parameters in
 * the order of a channels-last x. */
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

/* The strides of the parameters, for dimensions 1, 2, 3. */
typedef struct placement {
  const char *line; /* of rank 4 */
  int64_t strides[CUBN_DIM_MAX];
} placement;

static const placement placements[] = {
    {"train nchw f32 n3c5h2w3", {99, 3, 1, 1}},
    {"train nhwc f16 n3c5h2w3", {99, 3, 1, 1}},
    {"train nhwc f64 n3c5h2w3 factor=1", {0, 2, 0, 0}},
    {"infer nchw bf16 n3c5h2w3", {99, 3, 1, 1}},
    {"infer nhwc f32 n3c5h2w3", {99, 2, 1, 1}},
    {"backward nchw f32 n3c5h2w3", {99, 3, 1, 1}},
    {"backward nhwc f32 n3c5h2w3 palpha=2 pbeta=0.5", {99, 3, 1, 1}},
    {"backward nchw f64 n3c5h2w3 nosaved", {99, 2, 1, 1}},
    /* per activation: channels last, as x; then with gaps; then W before H */
    {"train nhwc f32 n4c5h2w3 peract", {30, 1, 15, 5}},
    {"infer nhwc f32 n4c5h2w3 peract", {30, 1, 15, 5}},
    {"backward nhwc f32 n4c5h2w3 peract", {30, 1, 15, 5}},
    {"train nchw f32 n4c5h2w3 peract", {99, 12, 6, 2}},
    {"backward nchw f32 n4c5h2w3 peract", {30, 6, 1, 2}},
    /* The reserve space has no gaps. */
    {"backward nchw f32 n3c5h2w3 relu", {99, 3, 1, 1}},
    {"backward nchw f16 n3c5h2w3 relu nosaved", {99, 3, 1, 1}},
    {"backward nhwc f64 n3c5h2w3 gelu nosaved mean=1e4", {99, 2, 1, 1}},
    {"backward nhwc f32 n4c5h2w3 peract leaky nosaved mean=1e4", {30, 6, 1, 2}},
};

static const int param_arrays[] = {
    DATA_SCALE,       DATA_BIAS,       DATA_MEAN,          DATA_VAR,    DATA_RUNNING_MEAN,
    DATA_RUNNING_VAR, DATA_SAVED_MEAN, DATA_SAVED_INV_STD, DATA_DSCALE, DATA_DBIAS};
enum { PARAM_ARRAYS = sizeof param_arrays / sizeof param_arrays[0], PLACES = 100 };

/* Offset of a channel's parameters; channels count in the order C, H, W. */
static int64_t place_of(const placement *given, const line_problem *problem, int64_t channel) {
  if (problem->mode != CUBN_BATCHNORM_PER_ACTIVATION) return channel * given->strides[1];
  const int64_t w = problem->dims[3], h = problem->dims[2];
  return channel / (h * w) * given->strides[1] + channel / w % h * given->strides[2] +
         channel % w * given->strides[3];
}

static cubnDataType_t param_type(const line_problem *problem) {
  return problem->type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
}

/* Scatters the values of an array to their offsets, with NaN between them. */
static void scatter(const placement *given, const line_problem *problem, const data_array *from,
                    void *places) {
  memset(places, 0xff, PLACES * sizeof(double));
  for (int64_t c = 0; c < line_channels(problem); ++c)
    data_store(param_type(problem), places, place_of(given, problem, c), data_get(from, c));
}

/* Gathers the values again. What is between them must still be NaN. */
static void gather(const placement *given, const line_problem *problem, void *places,
                   data_array *to) {
  const cubnDataType_t type = param_type(problem);
  const size_t bytes = data_type_bytes(type);
  for (int64_t c = 0; c < line_channels(problem); ++c) {
    const int64_t place = place_of(given, problem, c);
    data_set_value(to, c, data_load(type, places, place));
    memset((char *)places + (size_t)place * bytes, 0xff, bytes);
  }
  for (size_t i = 0; i < PLACES * sizeof(double); ++i)
    if (!SUITE_CHECK(((unsigned char *)places)[i] == 0xff, "%s: byte %zu between parameters",
                     given->line, i))
      return;
}

/* The call of this placement, with its parameters in buffers of their own. */
static void run_placed(const placement *given, run_context *run, const data_set *before,
                       data_set *after) {
  const line_problem *problem = &run->problem;
  cubnBuffer_t buffers[PARAM_ARRAYS] = {NULL};
  void *kept[PARAM_ARRAYS] = {NULL};
  double places[PLACES];
  int64_t dims[4] = {1, problem->dims[1], 1, 1};
  if (problem->mode == CUBN_BATCHNORM_PER_ACTIVATION) {
    dims[2] = problem->dims[2];
    dims[3] = problem->dims[3];
  }
  expect_success(
      cubnSetTensorNdDescriptor64(run->params, param_type(problem), 4, dims, given->strides),
      given->line);
  for (int i = 0; i < PARAM_ARRAYS; ++i) {
    const int a = param_arrays[i];
    kept[i] = run->pointers[a];
    if (!kept[i]) continue;
    scatter(given, problem, &before->arrays[a], places);
    expect_success(cubnCreateBuffer(run->handle, sizeof places, &buffers[i]), "buffer");
    expect_success(cubnUploadBuffer(buffers[i], 0, places, sizeof places), "upload");
    expect_success(cubnGetBufferPointer(buffers[i], &run->pointers[a]), "pointer");
  }
  expect_success(run_call(run), given->line);
  expect_success(run_download(run, after), "download");
  for (int i = 0; i < PARAM_ARRAYS; ++i) {
    if (!kept[i]) continue;
    run->pointers[param_arrays[i]] = kept[i];
    expect_success(cubnDownloadBuffer(buffers[i], 0, places, sizeof places), "download");
    gather(given, problem, places, &after->arrays[param_arrays[i]]);
    expect_success(cubnDestroyBuffer(buffers[i]), "destroy");
  }
}

static void test_placements(void) {
  for (size_t i = 0; i < sizeof placements / sizeof *placements; ++i) {
    line_problem problem;
    data_set before, after;
    run_context run;
    char report[512] = "";
    CU_ASSERT_PTR_NULL_FATAL(line_parse(placements[i].line, &problem));
    CU_ASSERT_FATAL(run_create(suite_handle(), &problem, &before, report, sizeof report));
    CU_ASSERT_FATAL(data_copy(&before, &after));
    if (expect_success(run_open(&run, suite_handle(), &problem, &before), "open")) {
      run_placed(&placements[i], &run, &before, &after);
      run_close(&run);
      const compare_result result = compare_outputs(&problem, &before, &after, 1);
      compare_describe(&result, report, sizeof report);
      SUITE_CHECK(result.failures == 0, "%s: %s", placements[i].line, report);
    }
    data_destroy(&before);
    data_destroy(&after);
  }
}

void test_parameters_suites(void) {
  static const suite_test tests[] = {{"placements", test_placements}, {NULL, NULL}};
  suite_add("parameter descriptors", SUITE_DEVICES, tests);
}
