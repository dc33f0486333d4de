#include "suites/support/joint_batch.h"

#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"

/* Ranks may describe their images differently, where these lie in memory without gaps. */
static const char *const shapes[] = {"h6w7", "h42w1", "h3w14", "h1w42"};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static bool make_part(joint_part *p, const joint_case *what, const char *pass, int images,
                      int shape) {
  char line[256];
  const bool is_fixed = strchr(what->layout, '+') || strstr(what->words, "peract");
  snprintf(line, sizeof line, "%s %s %s n%dc5%s low mean=%g data=spread %s %s", pass, what->layout,
           what->type, images, shapes[is_fixed ? 0 : shape % SHAPES], what->mean, what->words,
           strcmp(pass, "train") == 0 ? what->forward_words : "");
  const char *const wrong = line_parse(line, &p->problem);
  return SUITE_CHECK(!wrong, "%s: %s", line, wrong) &&
         SUITE_CHECK(data_create(&p->problem, &p->before), "%s: no data", line) &&
         SUITE_CHECK(data_copy(&p->before, &p->after), "%s: no data", line);
}

static void drop(joint_part *p) {
  data_destroy(&p->before);
  data_destroy(&p->after);
}

bool joint_call(cubnHandle_t handle, cubnCommunicator_t communicator, joint_part *p,
                bool local_sums) {
  run_context run;
  if (!expect_success(run_open(&run, handle, &p->problem, &p->before), "open")) return false;
  bool good = true;
  if (communicator)
    good = expect_success(
               cubnSetBatchNormAttribute(run.batch_norm, CUBN_BATCHNORM_PARAM_SUMS,
                                         local_sums ? CUBN_PARAM_SUMS_LOCAL : CUBN_PARAM_SUMS_ALL),
               "attribute") &&
           expect_success(cubnSetBatchNormCommunicator(handle, run.batch_norm, communicator,
                                                       line_channels(&p->problem)),
                          "attach");
  good = good && expect_success(run_extended(&run), "the call") &&
         expect_success(run_download(&run, &p->after), "download");
  run_close(&run);
  return good;
}

/* ---- The whole batch and its shares ---- */
static void copy_array(const data_set *from, data_set *to, int array) {
  const data_array *const source = &from->arrays[array];
  if (data_has(from, array) && data_has(to, array) && source->extent > 0)
    memcpy(data_elements(&to->arrays[array]), data_elements(source),
           (size_t)source->extent * data_type_bytes(source->type));
}

/* Copies rank r's share of a tensor out of the whole batch, or back. Images are the slowest
 * dimension. */
static void copy_share(const joint_batch *b, int r, const data_set *all, data_set *share, int array,
                       bool back) {
  if (!data_has(all, array) || !data_has(share, array) || b->shares[r] == 0) return;
  const data_array *const part = &share->arrays[array];
  const size_t bytes = data_type_bytes(part->type);
  int64_t first = 0;
  for (int i = 0; i < r; ++i) first += b->shares[i];
  first *= b->backward.problem.strides[data_line_tensor(array)][0];
  char *const in_all = (char *)data_elements(&all->arrays[array]) + (size_t)first * bytes;
  void *const in_share = data_elements(part);
  memcpy(back ? in_all : in_share, back ? in_share : in_all, (size_t)part->extent * bytes);
}

bool joint_create(joint_batch *b) {
  bool good = make_part(&b->forward, b->what, "train", JOINT_IMAGES, 0) &&
              make_part(&b->backward, b->what, "backward", JOINT_IMAGES, 0);
  static const int inputs[] = {DATA_X, DATA_Z, DATA_DY};
  for (int r = 0; r < b->ranks && good; ++r) {
    good = make_part(&b->rank_forward[r], b->what, "train", b->shares[r], r) &&
           make_part(&b->rank_backward[r], b->what, "backward", b->shares[r], r);
    if (good) {
      copy_share(b, r, &b->forward.before, &b->rank_forward[r].before, DATA_OUTPUT, false);
      copy_share(b, r, &b->backward.before, &b->rank_backward[r].before, DATA_OUTPUT, false);
    }
    for (int i = 0; i < 3 && good; ++i) {
      if (inputs[i] != DATA_DY)
        copy_share(b, r, &b->forward.before, &b->rank_forward[r].before, inputs[i], false);
      copy_share(b, r, inputs[i] == DATA_DY ? &b->backward.before : &b->forward.before,
                 &b->rank_backward[r].before, inputs[i], false);
    }
  }
  return good;
}

/* ---- The calls ---- */
static const int saved[] = {DATA_SAVED_MEAN, DATA_SAVED_INV_STD, DATA_SAVED_MEAN_LOW};

static void copy_saved(const data_set *from, data_set *to) {
  for (int i = 0; i < 3; ++i) copy_array(from, to, saved[i]);
}

void joint_run_rank(joint_batch *b, int rank, cubnHandle_t handle,
                    cubnCommunicator_t communicator) {
  joint_part *const forward = &b->rank_forward[rank], *const backward = &b->rank_backward[rank];
  if (!joint_call(handle, communicator, forward, b->local_sums)) return;
  copy_saved(&forward->after, &backward->before);
  copy_array(&forward->after, &backward->before, DATA_RESERVE);
  joint_call(handle, communicator, backward, b->local_sums);
}

/* Takes a per-channel array from rank 0, where all have the same. */
static void take(const joint_batch *b, const joint_part *parts, data_set *whole, int array) {
  if (!data_has(whole, array)) return;
  for (int r = 1; r < b->ranks; ++r)
    SUITE_CHECK(memcmp(data_elements(&parts[0].after.arrays[array]),
                       data_elements(&parts[r].after.arrays[array]),
                       (size_t)whole->arrays[array].extent *
                           data_type_bytes(whole->arrays[array].type)) == 0,
                "%s: rank %d of %d has other bits than rank 0",
                data_array_name(&parts[0].problem, array), r, b->ranks);
  copy_array(&parts[0].after, whole, array);
}

static void add_up(const joint_batch *b, data_set *whole, int array) {
  if (!data_has(whole, array)) return;
  for (int64_t c = 0; c < whole->arrays[array].extent; ++c) {
    double sum = 0;
    for (int r = 0; r < b->ranks; ++r) sum += data_get(&b->rank_backward[r].after.arrays[array], c);
    data_set_value(&whole->arrays[array], c, sum);
  }
}

void joint_put_together(joint_batch *b) {
  data_set *const forward = &b->forward.after, *const backward = &b->backward.after;
  for (int r = 0; r < b->ranks; ++r) {
    copy_share(b, r, forward, &b->rank_forward[r].after, forward->output, true);
    copy_share(b, r, backward, &b->rank_backward[r].after, backward->output, true);
    copy_share(b, r, backward, &b->rank_backward[r].after, DATA_DZ, true);
  }
  for (int i = 0; i < 3; ++i) take(b, b->rank_forward, forward, saved[i]);
  take(b, b->rank_forward, forward, DATA_RUNNING_MEAN);
  take(b, b->rank_forward, forward, DATA_RUNNING_VAR);
  copy_saved(forward, &b->backward.before);
  copy_saved(forward, backward);
  if (data_has(&b->backward.before, DATA_Y) && data_has(forward, forward->output)) {
    const data_array *const y = &forward->arrays[forward->output];
    const size_t bytes = (size_t)y->extent * data_type_bytes(y->type);
    memcpy(data_elements(&b->backward.before.arrays[DATA_Y]), data_elements(y), bytes);
    memcpy(data_elements(&backward->arrays[DATA_Y]), data_elements(y), bytes);
  }
  static const int sums[] = {DATA_DSCALE, DATA_DBIAS};
  for (int i = 0; i < 2; ++i) {
    if (b->local_sums)
      add_up(b, backward, sums[i]);
    else
      take(b, b->rank_backward, backward, sums[i]);
  }
}

static void run_rank(engine_rank *self) {
  joint_run_rank(self->context, self->rank, self->handle, self->communicator);
}

bool joint_run(joint_batch *b) {
  static engine e;
  if (!joint_create(b)) return false;
  e = (engine){.reversed = b->reversed};
  engine_run(&e, b->ranks, run_rank, b);
  b->meetings = e.gathers;
  joint_put_together(b);
  return true;
}

void joint_destroy(joint_batch *b) {
  drop(&b->forward);
  drop(&b->backward);
  for (int r = 0; r < b->ranks; ++r) {
    drop(&b->rank_forward[r]);
    drop(&b->rank_backward[r]);
  }
}
