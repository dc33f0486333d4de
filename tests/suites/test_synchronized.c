/* Passes in parts: statistics, application, reduction and dx, each by its own call, give what one
 * call gives. So do two halves of a batch whose statistics and sums are added in between, as
 * several devices do. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

enum { HALVES = 2, IMAGES = 6 };

/* A call with generated data, some of which the test replaces. */
typedef struct part {
  line_problem problem;
  data_set before, after;
} part;

static bool make(part *p, const char *line) {
  memset(p, 0, sizeof *p);
  const char *const wrong = line_parse(line, &p->problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) return false;
  return SUITE_CHECK(data_create(&p->problem, &p->before), "%s: no data", line);
}

static bool run_part(part *p) {
  run_context run;
  CU_ASSERT_FATAL(data_copy(&p->before, &p->after));
  if (!expect_success(run_open(&run, suite_handle(), &p->problem, &p->before), "open"))
    return false;
  const bool good = expect_success(run_call(&run), "the call") &&
                    expect_success(run_download(&run, &p->after), "download");
  run_close(&run);
  return good;
}

static void drop(part *p) {
  data_destroy(&p->before);
  data_destroy(&p->after);
}

/* Takes the images of one half of the batch, which is the slowest dimension. */
static void take_images(const part *whole, const data_set *from, int from_array, part *half,
                        int to_array, int which) {
  const data_array *const source = &from->arrays[from_array];
  const data_array *const to = &half->before.arrays[to_array];
  const int64_t first = which * half->problem.dims[0] * whole->problem.strides[LINE_X][0];
  const size_t bytes = data_type_bytes(source->type);
  memcpy(data_elements(to), (char *)data_elements(source) + (size_t)first * bytes,
         (size_t)to->extent * bytes);
}

static void take_channels(const data_set *from, int from_array, part *to, int to_array) {
  const data_array *const source = &from->arrays[from_array];
  memcpy(data_elements(&to->before.arrays[to_array]), data_elements(source),
         (size_t)source->extent * data_type_bytes(source->type));
}

/* Runs the whole batch in one call each. */
typedef struct whole_batch {
  part forward, backward;
} whole_batch;

static bool run_whole(whole_batch *w, const char *layout, const char *words, int images) {
  char line[160], report[512] = "";
  memset(w, 0, sizeof *w);
  snprintf(line, sizeof line, "train %s f64 n%dc5h6w7 data=spread %s", layout, images, words);
  bool good = make(&w->forward, line) && run_part(&w->forward);
  snprintf(line, sizeof line, "backward %s f64 n%dc5h6w7 data=spread %s", layout, images, words);
  good = good && make(&w->backward, line) &&
         SUITE_CHECK(run_fill(suite_handle(), &w->backward.problem, 1, &w->backward.before, report,
                              sizeof report),
                     "%s: %s", line, report);
  return good && run_part(&w->backward);
}

typedef struct half_batch {
  part statistics, apply, reduce, dx;
} half_batch;

static bool make_half(half_batch *h, const whole_batch *w, const char *layout, const char *words,
                      int images, int which) {
  static const char *const calls[] = {
      "train %s f64 n%dc5h6w7 statistics biased factor=1", "infer %s f64 n%dc5h6w7 invstd %s %s",
      "backward %s f64 n%dc5h6w7 nodx %s %s", "backward %s f64 n%dc5h6w7 sums count=%d %s"};
  part *const parts[] = {&h->statistics, &h->apply, &h->reduce, &h->dx};
  const bool adds = !strncmp(words, "add", 3), whole_is_half = which < 0;
  const int half = whole_is_half ? images : images / HALVES;
  char line[160];
  for (int i = 0; i < 4; ++i) {
    if (i == 3)
      snprintf(line, sizeof line, calls[i], layout, half, images * 42, words);
    else
      snprintf(line, sizeof line, calls[i], layout, half, words,
               !adds    ? ""
               : i == 1 ? "reserve"
                        : "nodz");
    if (!make(parts[i], line)) return false;
    take_images(&w->forward, &w->forward.before, DATA_X, parts[i], DATA_X,
                whole_is_half ? 0 : which);
    if (data_has(&parts[i]->before, DATA_SCALE))
      take_channels(&w->forward.before, DATA_SCALE, parts[i], DATA_SCALE);
    if (data_has(&parts[i]->before, DATA_BIAS))
      take_channels(&w->forward.before, DATA_BIAS, parts[i], DATA_BIAS);
    if (i == 1 && adds)
      take_images(&w->forward, &w->forward.before, DATA_Z, parts[i], DATA_Z,
                  whole_is_half ? 0 : which);
    if (i >= 2)
      take_images(&w->backward, &w->backward.before, DATA_DY, parts[i], DATA_DY,
                  whole_is_half ? 0 : which);
  }
  return run_part(&h->statistics);
}

static void drop_half(half_batch *h) {
  drop(&h->statistics);
  drop(&h->apply);
  drop(&h->reduce);
  drop(&h->dx);
}

static double statistic(const half_batch *h, int array, int64_t channel) {
  return data_get(&h->statistics.after.arrays[array], channel);
}

/* An all-reduce of means and variances of equal counts. */
static void combine_statistics(half_batch halves[], int count, double epsilon) {
  for (int64_t c = 0; c < 5; ++c) {
    double mean = 0, var = 0;
    for (int h = 0; h < count; ++h) mean += statistic(&halves[h], DATA_RUNNING_MEAN, c) / count;
    for (int h = 0; h < count; ++h) {
      const double distance = statistic(&halves[h], DATA_RUNNING_MEAN, c) - mean;
      var += (statistic(&halves[h], DATA_RUNNING_VAR, c) + distance * distance) / count;
    }
    for (int h = 0; h < count; ++h) {
      data_set_value(&halves[h].apply.before.arrays[DATA_MEAN], c, mean);
      data_set_value(&halves[h].apply.before.arrays[DATA_VAR], c, 1 / sqrt(var + epsilon));
      part *const users[] = {&halves[h].reduce, &halves[h].dx};
      for (int u = 0; u < 2; ++u) {
        data_set_value(&users[u]->before.arrays[DATA_SAVED_MEAN], c, mean);
        data_set_value(&users[u]->before.arrays[DATA_SAVED_INV_STD], c, 1 / sqrt(var + epsilon));
      }
    }
  }
}

static void combine_sums(half_batch halves[], int count) {
  static const int arrays[] = {DATA_DSCALE, DATA_DBIAS};
  for (int a = 0; a < 2; ++a)
    for (int64_t c = 0; c < 5; ++c) {
      double sum = 0;
      for (int h = 0; h < count; ++h) sum += data_get(&halves[h].reduce.after.arrays[arrays[a]], c);
      for (int h = 0; h < count; ++h)
        data_set_value(&halves[h].dx.before.arrays[arrays[a]], c, sum);
    }
}

/* All values are f64 and about 1: 1e-12 is thousands of roundings, and a missing term of any
 * formula is a hundredth. */
static void expect_near(const char *what, const data_array *part_array, const data_array *whole,
                        int64_t first) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < part_array->extent; ++i)
    wrong += !(fabs(data_get(part_array, i) - data_get(whole, first + i)) <= 1e-12);
  SUITE_CHECK(wrong == 0, "%s: %lld of %lld values differ from those of one call", what,
              (long long)wrong, (long long)part_array->extent);
}

static void check_half(const half_batch *h, const whole_batch *w, int which, const char *what) {
  const int64_t first = which * h->apply.problem.dims[0] * w->forward.problem.strides[LINE_X][0];
  char text[112];
  snprintf(text, sizeof text, "%s: y", what);
  expect_near(text, &h->apply.after.arrays[DATA_OUTPUT], &w->forward.after.arrays[DATA_OUTPUT],
              first);
  snprintf(text, sizeof text, "%s: dx", what);
  expect_near(text, &h->dx.after.arrays[DATA_OUTPUT], &w->backward.after.arrays[DATA_OUTPUT],
              first);
  if (!line_has_dz(&h->dx.problem)) return;
  snprintf(text, sizeof text, "%s: dz", what);
  expect_near(text, &h->dx.after.arrays[DATA_DZ], &w->backward.after.arrays[DATA_DZ], first);
}

/* Backward takes the reserve space of the application. Without addition there is none: given means
 * are not rounded, so the difference that it would keep is 0. */
static void take_reserve(half_batch *h) {
  part *const users[] = {&h->reduce, &h->dx};
  for (int u = 0; u < 2; ++u) {
    data_array *const to = &users[u]->before.arrays[DATA_RESERVE];
    if (data_has(&h->apply.after, DATA_RESERVE))
      take_channels(&h->apply.after, DATA_RESERVE, users[u], DATA_RESERVE);
    else if (to->block)
      memset(data_elements(to), 0, (size_t)to->extent);
  }
}

/* Computes `count` parts of the batch; one part is the whole batch in single steps. */
static void check_parts(const char *layout, const char *words, int count) {
  whole_batch whole;
  half_batch halves[HALVES];
  char what[96];
  memset(halves, 0, sizeof halves);
  bool good = run_whole(&whole, layout, words, IMAGES);
  for (int h = 0; h < count && good; ++h)
    good = make_half(&halves[h], &whole, layout, words, IMAGES, count == 1 ? -1 : h);
  if (good) combine_statistics(halves, count, 1e-5);
  for (int h = 0; h < count && good; ++h) {
    good = run_part(&halves[h].apply);
    if (good) take_reserve(&halves[h]);
    good = good && run_part(&halves[h].reduce);
  }
  if (good) combine_sums(halves, count);
  for (int h = 0; h < count && good; ++h) {
    snprintf(what, sizeof what, "%s %s, part %d of %d", layout, words, h + 1, count);
    if (run_part(&halves[h].dx)) check_half(&halves[h], &whole, h, what);
  }
  if (good) {
    snprintf(what, sizeof what, "%s %s: dscale", layout, words);
    expect_near(what, &halves[0].dx.before.arrays[DATA_DSCALE],
                &whole.backward.after.arrays[DATA_DSCALE], 0);
    snprintf(what, sizeof what, "%s %s: dbias", layout, words);
    expect_near(what, &halves[0].dx.before.arrays[DATA_DBIAS],
                &whole.backward.after.arrays[DATA_DBIAS], 0);
  }
  for (int h = 0; h < HALVES; ++h) drop_half(&halves[h]);
  drop(&whole.forward);
  drop(&whole.backward);
}

static void test_steps(void) {
  check_parts("nchw", "", 1);
  check_parts("nhwc", "", 1);
  check_parts("nchw", "add_relu", 1);
  check_parts("nhwc", "add_gelu", 1);
}

static void test_halves(void) {
  check_parts("nchw", "", HALVES);
  check_parts("nhwc", "", HALVES);
  check_parts("nchw", "add_relu", HALVES);
  check_parts("nhwc", "add_relu", HALVES);
  check_parts("nhwc", "relu", HALVES);
  check_parts("nchw", "add_tanh", HALVES);
}

void test_synchronized_suites(void) {
  static const suite_test tests[] = {{"single steps are one call", test_steps},
                                     {"two halves are one batch", test_halves},
                                     {NULL, NULL}};
  suite_add("synchronized", SUITE_DEVICES, tests);
}
