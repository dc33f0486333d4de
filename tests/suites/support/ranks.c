#include "suites/support/ranks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"

static bool make(ranks_part *p, const ranks_case *what, const char *pass, int images,
                 const char *words) {
  char line[256];
  snprintf(line, sizeof line, "%s %s %s n%dc5h6w7 low mean=%g data=spread %s", pass, what->layout,
           what->type, images, what->mean, words);
  const char *const wrong = line_parse(line, &p->problem);
  return SUITE_CHECK(!wrong, "%s: %s", line, wrong) &&
         SUITE_CHECK(data_create(&p->problem, &p->before), "%s: no data", line) &&
         SUITE_CHECK(data_copy(&p->before, &p->after), "%s: no data", line);
}

bool ranks_run_part(ranks_part *p) {
  run_context run;
  if (!expect_success(run_open(&run, suite_handle(), &p->problem, &p->before), "open"))
    return false;
  const bool good = expect_success(run_call(&run), "the call") &&
                    expect_success(run_download(&run, &p->after), "download");
  run_close(&run);
  return good;
}

static void drop(ranks_part *p) {
  data_destroy(&p->before);
  data_destroy(&p->after);
}

static void copy_array(const data_set *from, int from_array, data_set *to, int to_array) {
  const data_array *const source = &from->arrays[from_array];
  if (data_has(from, from_array) && data_has(to, to_array))
    memcpy(data_elements(&to->arrays[to_array]), data_elements(source),
           (size_t)source->extent * data_type_bytes(source->type));
}

static double get(const data_set *from, int array, int64_t channel) {
  return data_get(&from->arrays[array], channel);
}

static void set(data_set *to, int array, int64_t channel, double value) {
  if (data_has(to, array)) data_set_value(&to->arrays[array], channel, value);
}

/* Copies the share of a tensor from the whole batch to the rank, or back. Images are the slowest
 * dimension. */
static void copy_share(const ranks_batch *b, const rank *r, const data_set *all, data_set *share,
                       int array, bool back) {
  if (!data_has(all, array) || !data_has(share, array)) return;
  const data_array *const part_of = &share->arrays[array];
  const size_t bytes = data_type_bytes(part_of->type);
  const int64_t first =
      r->first * b->backward.problem.strides[data_line_tensor(array)][0] * (r->images > 0);
  char *const in_all = (char *)data_elements(&all->arrays[array]) + (size_t)first * bytes;
  void *const in_share = data_elements(part_of);
  memcpy(back ? in_all : in_share, back ? in_share : in_all, (size_t)part_of->extent * bytes);
}

/* ---- The calls ---- */
static bool make_rank(const ranks_batch *b, rank *r) {
  const char *const words = b->what->words;
  const bool adds = b->forward.problem.adds;
  char apply[64], reduce[64], dx[64];
  snprintf(apply, sizeof apply, "invstd %s %s", words, adds ? "reserve" : "");
  snprintf(reduce, sizeof reduce, "nodx %s %s", words, adds ? "nodz" : "");
  snprintf(dx, sizeof dx, "sums count=%d %s", RANKS_IMAGES * RANKS_IMAGE_VALUES, words);
  const int n = r->images;
  if (!make(&r->statistics, b->what, "train", n, "statistics biased factor=1") ||
      !make(&r->apply, b->what, "infer", n, apply) ||
      !make(&r->reduce, b->what, "backward", n, reduce) ||
      !make(&r->dx, b->what, "backward", n, dx))
    return false;
  ranks_part *const parts[] = {&r->statistics, &r->apply, &r->reduce, &r->dx};
  for (int i = 0; i < 4; ++i) {
    copy_share(b, r, &b->forward.before, &parts[i]->before, DATA_X, false);
    copy_share(b, r, &b->forward.before, &parts[i]->before, DATA_Z, false);
    copy_share(b, r, &b->backward.before, &parts[i]->before, DATA_DY, false);
  }
  return true;
}

/* The moments of a channel, merged rank by rank. `mean` is relative to `pivot`. */
typedef struct merged {
  double count, pivot, mean, var;
} merged;

static merged merge(const ranks_batch *b, int64_t channel) {
  merged all = {0};
  for (int i = 0; i < b->count; ++i) {
    const double count = b->ranks[i].images * RANKS_IMAGE_VALUES;
    const data_set *const share = &b->ranks[i].statistics.after;
    if (count == 0) continue; /* its arrays have no values */
    const double mean = get(share, DATA_SAVED_MEAN, channel);
    if (all.count == 0) all.pivot = mean;
    all.count += count;
    const double weight = count / all.count;
    const double delta = ((mean - all.pivot) + get(share, DATA_SAVED_MEAN_LOW, channel)) - all.mean;
    all.mean += weight * delta;
    all.var +=
        weight * ((get(share, DATA_RUNNING_VAR, channel) - all.var) + (1 - weight) * delta * delta);
  }
  return all;
}

/* Gives all ranks the statistics of the whole batch, and keeps them as its results. */
static void share_statistics(ranks_batch *b) {
  const line_problem *const p = &b->forward.problem;
  for (int64_t c = 0; c < RANKS_CHANNELS; ++c) {
    const merged all = merge(b, c);
    const double mean = data_round(line_param_type(p), all.pivot + all.mean);
    const double low = (all.pivot - mean) + all.mean, inv_std = 1 / sqrt(all.var + p->epsilon);
    const double values[] = {mean, low, inv_std};
    static const int given[] = {DATA_MEAN, DATA_MEAN_LOW, DATA_VAR};
    static const int saved[] = {DATA_SAVED_MEAN, DATA_SAVED_MEAN_LOW, DATA_SAVED_INV_STD};
    for (int k = 0; k < 3; ++k) {
      set(&b->forward.after, saved[k], c, values[k]);
      set(&b->backward.before, saved[k], c, values[k]);
      set(&b->backward.after, saved[k], c, values[k]);
      for (int i = 0; i < b->count; ++i) {
        set(&b->ranks[i].apply.before, given[k], c, values[k]);
        set(&b->ranks[i].reduce.before, saved[k], c, values[k]);
        set(&b->ranks[i].dx.before, saved[k], c, values[k]);
      }
    }
    const double unbiased = all.var * all.count / (all.count - 1), f = p->factor;
    data_set *const results = &b->forward.after;
    set(results, DATA_RUNNING_MEAN, c,
        (1 - f) * get(results, DATA_RUNNING_MEAN, c) + f * (all.pivot + all.mean));
    set(results, DATA_RUNNING_VAR, c, (1 - f) * get(results, DATA_RUNNING_VAR, c) + f * unbiased);
  }
}

static void share_sums(ranks_batch *b) {
  static const int arrays[] = {DATA_DSCALE, DATA_DBIAS};
  for (int a = 0; a < 2; ++a)
    for (int64_t c = 0; c < RANKS_CHANNELS; ++c) {
      double sum = 0;
      for (int i = 0; i < b->count; ++i) sum += get(&b->ranks[i].reduce.after, arrays[a], c);
      set(&b->backward.after, arrays[a], c, sum);
      for (int i = 0; i < b->count; ++i) set(&b->ranks[i].dx.before, arrays[a], c, sum);
    }
}

/* ---- The whole recipe ---- */
bool ranks_run(ranks_batch *b) {
  bool good = true;
  for (int i = 0; i < b->count && good; ++i) good = ranks_run_part(&b->ranks[i].statistics);
  if (good) share_statistics(b);
  for (int i = 0; i < b->count && good; ++i) {
    rank *const r = &b->ranks[i];
    good = ranks_run_part(&r->apply);
    copy_share(b, r, &b->forward.after, &r->apply.after, DATA_OUTPUT, true);
    copy_array(&r->apply.after, DATA_RESERVE, &r->reduce.before, DATA_RESERVE);
    copy_array(&r->apply.after, DATA_RESERVE, &r->dx.before, DATA_RESERVE);
    good = good && ranks_run_part(&r->reduce);
  }
  copy_array(&b->forward.after, DATA_OUTPUT, &b->backward.before, DATA_Y);
  copy_array(&b->forward.after, DATA_OUTPUT, &b->backward.after, DATA_Y);
  if (good) share_sums(b);
  for (int i = 0; i < b->count && good; ++i) {
    rank *const r = &b->ranks[i];
    good = ranks_run_part(&r->dx);
    copy_share(b, r, &b->backward.after, &r->dx.after, DATA_OUTPUT, true);
    copy_share(b, r, &b->backward.after, &r->dx.after, DATA_DZ, true);
  }
  return good;
}

bool ranks_create(ranks_batch *b, const ranks_case *what, const int shares[], int count) {
  *b = (ranks_batch){.what = what, .count = count};
  bool good = make(&b->forward, what, "train", RANKS_IMAGES, what->words) &&
              make(&b->backward, what, "backward", RANKS_IMAGES, what->words);
  for (int i = 0, first = 0; i < count && good; first += shares[i++]) {
    b->ranks[i].first = first;
    b->ranks[i].images = shares[i];
    good = make_rank(b, &b->ranks[i]);
  }
  return good;
}

void ranks_destroy(ranks_batch *b) {
  drop(&b->forward);
  drop(&b->backward);
  for (int i = 0; i < b->count; ++i) {
    drop(&b->ranks[i].statistics);
    drop(&b->ranks[i].apply);
    drop(&b->ranks[i].reduce);
    drop(&b->ranks[i].dx);
  }
}
