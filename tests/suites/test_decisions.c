/* Where forward stops a pre-activation, backward stops its gradient: also where the pre-activation
 * is at the threshold or a rounding away from it, whichever algorithms compute the two passes, in
 * whichever layouts and at whichever addresses, with saved statistics and without. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "kit/run_line.h"
#include "suites/support/suite.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Tensors of a forward call, and those of the backward call after it. */
static const struct {
  const char *forward, *backward, *sizes, *options;
} cases[] = {
    {"nchw", "nchw", "n8c5h6w7", ""},
    {"nchw:nhwc", "nchw:nhwc:nhwc", "n8c6h5w6", "offset_x=1"},
    {"nhwc", "nhwc:nchw:nchw", "n7c6h5w6", ""},
    {"nhwc", "nhwc", "n6c8h6w6", "offset_x=1 offset_dy=1"},
    {"nchw", "nchw:nchw:nhwc", "n4c3h20w21", "offset_x=1"},
    {"nchw+1:nchw", "nchw+1:nchw:nhwc", "n6c4h5w7", ""},
    {"nhwc", "nhwc:nhwc:nchw", "n60c3h2w2", "peract offset_dy=1"},
    {"nc", "nc", "n90c6", "offset_x=1"},
    {"nc", "nc", "n8c601", ""},
};

static const char *const types[] = {"f32", "f64", "f16", "bf16"};
static const char *const activations[] = {"relu", "clipped", "leaky coef=0.5", "gelu"};

/* Half of a channel's values are its mean, up to roundings. The others are as far above as below
 * it; in 16-bit types, too, which have all of these values. */
static double value_of(const line_problem *p, int64_t channel, int64_t sample) {
  const bool is_wide = p->type == CUBN_DATA_FLOAT || p->type == CUBN_DATA_DOUBLE;
  const int64_t pair = sample / 4;
  const double mean = is_wide ? 0.1 * (double)(channel + 1) : 0.25 * (double)(channel % 4 + 1);
  const double random = 1 + data_uniform((uint64_t)channel, (uint64_t)pair);
  const double distance = is_wide ? random : floor(8 * random) / 8;
  return sample % 4 == 0 ? mean + distance : sample % 4 == 3 ? mean - distance : mean;
}

/* The bias moves the mean to the threshold, or in every other channel to the ceiling. */
static double bias_of(const line_problem *p, int64_t channel) {
  return p->activation == CUBN_ACTIVATION_CLIPPED_RELU && channel % 2 ? p->coef : 0;
}

static void fill(const line_problem *p, data_set *set) {
  for (int64_t c = 0; c < line_channels(p); ++c) {
    const int64_t place = line_param_index(p, c);
    data_set_value(&set->arrays[DATA_SCALE], place, 1);
    data_set_value(&set->arrays[DATA_BIAS], place, bias_of(p, c));
    for (line_walk w = line_walk_channel(p, c); w.valid; line_walk_next(&w)) {
      data_set_value(&set->arrays[DATA_X], w.at[LINE_X], value_of(p, c, w.sample));
      if (p->pass == LINE_BACKWARD) data_set_value(&set->arrays[DATA_DY], w.at[LINE_DY], 1);
    }
  }
}

static void create(const char *line, line_problem *problem, data_set *set) {
  const char *const wrong = line_parse(line, problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) CU_FAIL_FATAL("a line is wrong");
  CU_ASSERT_FATAL(data_create(problem, set));
  fill(problem, set);
}

/* Calls with this algorithm; false if it refuses. */
static bool call(const cubn_algo *algo, const line_problem *problem, const data_set *before,
                 data_set *after) {
  const cubnHandle_t handle = suite_handle();
  run_context run;
  CU_ASSERT_FATAL(data_copy(before, after));
  snprintf(handle->forced_algo, sizeof handle->forced_algo, "%s", algo->name);
  CU_ASSERT_FATAL(run_open(&run, handle, problem, before) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(run_call(&run) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(run_download(&run, after) == CUBN_STATUS_SUCCESS);
  run_close(&run);
  handle->forced_algo[0] = '\0';
  return handle->last_algo == algo;
}

/* The sum over a channel of dp = activation'(p), as y tells it. */
static double sum_by_output(const line_problem *p, const data_set *after, int64_t channel) {
  const bool clips = p->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  const double blocked = p->activation == CUBN_ACTIVATION_LEAKY_RELU ? p->coef : 0;
  double sum = 0;
  for (line_walk w = line_walk_channel(p, channel); w.valid; line_walk_next(&w)) {
    const double y = data_get(&after->arrays[DATA_OUTPUT], w.at[LINE_OUTPUT]);
    sum += y > 0 && !(clips && y >= p->coef) ? 1 : blocked;
  }
  return sum;
}

/* A call, with what it found and what it left. */
typedef struct made_call {
  line_problem problem;
  data_set before, after;
  const cubn_algo *algo;
} made_call;

static void check_sums(const made_call *forward, const made_call *backward, const char *line) {
  for (int64_t c = 0; c < line_channels(&forward->problem); ++c) {
    const double wanted = sum_by_output(&forward->problem, &forward->after, c);
    const double found =
        data_get(&backward->after.arrays[DATA_DBIAS], line_param_index(&backward->problem, c));
    if (!SUITE_CHECK(found == wanted, "%s: %s after %s: dbias of channel %lld is %g, y says %g",
                     line, backward->algo->name, forward->algo->name, (long long)c, found, wanted))
      return;
  }
}

static void take(const data_set *from, data_set *to, int array) {
  const data_array *const source = &from->arrays[array];
  data_array *const target = &to->arrays[array];
  if (data_has(from, array) && data_has(to, array))
    memcpy(data_elements(target), data_elements(source),
           (size_t)source->extent * data_type_bytes(source->type));
}

/* One backward algorithm after a forward call. `dbias` has that of the first algorithm that this
 * was called for, or is to receive it: an algorithm sums the same dp alike. */
static bool check_backward(const made_call *forward, const cubn_algo *algo, const char *line,
                           data_array *dbias) {
  made_call backward = {.algo = algo};
  create(line, &backward.problem, &backward.before);
  take(&forward->after, &backward.before, DATA_RESERVE);
  take(&forward->after, &backward.before, DATA_SAVED_MEAN);
  take(&forward->after, &backward.before, DATA_SAVED_INV_STD);
  const bool accepts = call(algo, &backward.problem, &backward.before, &backward.after);
  const data_array *const found = &backward.after.arrays[DATA_DBIAS];
  if (accepts && line_decides(&backward.problem)) check_sums(forward, &backward, line);
  if (accepts && dbias->block)
    SUITE_CHECK(!memcmp(dbias->block, found->block, found->block_bytes),
                "%s: %s after %s: another dbias than with saved statistics", line, algo->name,
                forward->algo->name);
  if (accepts && !dbias->block) {
    *dbias = *found;
    backward.after.arrays[DATA_DBIAS] = (data_array){0};
  }
  data_destroy(&backward.before);
  data_destroy(&backward.after);
  return accepts;
}

/* Every pair of algorithms of a forward and a backward line; returns how many there are. `lines`
 * are those with saved statistics, and without. */
static int check_pairs(const char lines[2][2][160]) {
  const cubn_backend *const backend = suite_handle()->backend;
  int pairs = 0;
  for (const cubn_algo *const *f = backend->algos[LINE_TRAIN]; *f; ++f) {
    made_call forward[2];
    bool accepts = true;
    for (int saved = 0; saved < 2; ++saved) {
      made_call *const made = &forward[saved];
      made->algo = *f;
      create(lines[saved][0], &made->problem, &made->before);
      accepts = call(*f, &made->problem, &made->before, &made->after) && accepts;
    }
    for (const cubn_algo *const *b = backend->algos[LINE_BACKWARD]; accepts && *b; ++b) {
      data_array dbias = {0};
      for (int saved = 0; saved < 2; ++saved)
        pairs += check_backward(&forward[saved], *b, lines[saved][1], &dbias);
      free(dbias.block);
    }
    for (int saved = 0; saved < 2; ++saved) {
      data_destroy(&forward[saved].before);
      data_destroy(&forward[saved].after);
    }
  }
  return pairs;
}

static void check_case(size_t i, const char *type, const char *activation) {
  static const char *const statistics[] = {"", "nosaved"};
  char lines[2][2][160];
  for (int saved = 0; saved < 2; ++saved) {
    const char *const mode = strstr(cases[i].options, "peract") ? "peract" : "";
    snprintf(lines[saved][0], sizeof lines[saved][0], "train %s %s %s %s %s norunning %s",
             cases[i].forward, type, cases[i].sizes, activation, mode, statistics[saved]);
    snprintf(lines[saved][1], sizeof lines[saved][1], "backward %s %s %s %s %s %s",
             cases[i].backward, type, cases[i].sizes, activation, cases[i].options,
             statistics[saved]);
  }
  SUITE_CHECK(check_pairs(lines) > 0, "%s: no algorithm accepts it", lines[0][1]);
}

/* With fewer cases, each layout has each type and each activation, but not together. */
static void test_decisions(void) {
  for (size_t i = 0; i < COUNT_OF(cases); ++i)
    for (size_t t = 0; t < COUNT_OF(types); ++t)
      for (size_t a = 0; a < COUNT_OF(activations); ++a)
        if (suite_all_cases() || a == (i + t) % COUNT_OF(activations))
          check_case(i, types[t], activations[a]);
}

void test_decisions_suites(void) {
  static const suite_test tests[] = {{"at the threshold", test_decisions}, {NULL, NULL}};
  suite_add("decisions", SUITE_DEVICES, tests);
}
