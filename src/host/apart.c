/* The quick answer to whether arrays share memory; overlap.c has the exact one. */
#include "core/check.h"
#include "host/overlap.h"
#include "host/virtual_batches.h"

enum { SPANS_MAX = 20 };

/* Addresses from begin to end of the arrays that are written, or of those that are read. Tensors
 * come first. */
typedef struct spans {
  int tensors, count;
  uintptr_t begin[SPANS_MAX], end[SPANS_MAX];
} spans;

static void add_span(spans *all, const void *pointer, size_t bytes) {
  if (!pointer) return;
  all->begin[all->count] = (uintptr_t)pointer;
  all->end[all->count++] = (uintptr_t)pointer + bytes;
}

static bool do_spans_meet(const spans *a, const spans *b) {
  for (int i = 0; i < a->count; ++i)
    for (int j = a == b ? i + 1 : 0; j < b->count; ++j) {
      if (a->begin[i] >= b->end[j] || b->begin[j] >= a->end[i]) continue;
      if (i >= a->tensors || j >= b->tensors || a->begin[i] != b->begin[j]) return true;
    }
  return false;
}

bool cubn_are_apart(const cubn_problem *problem, const cubn_args *args, size_t reserve_bytes) {
  const cubnTensorDescriptor_t *tensors = problem->descriptors;
  const size_t x_bytes = cubn_bytes_of(tensors[CUBN_ARRAY_X]);
  const size_t param_bytes = cubn_bytes_of(tensors[CUBN_ARRAY_PARAM]);
  const size_t saved_bytes = param_bytes * (size_t)cubn_virtual_batches(problem);
  const bool backward = problem->pass >= CUBN_PASS_BACKWARD;
  const bool doubles = problem->pass == CUBN_PASS_DOUBLE_BACKWARD;
  const cubn_double_backward *const second = &args->second;
  spans written, read;
  written.count = read.count = 0;
  add_span(&read, args->x, x_bytes);
  if (args->dy) add_span(&read, args->dy, cubn_bytes_of(tensors[CUBN_ARRAY_DY]));
  if (args->z) add_span(&read, args->z, cubn_bytes_of(tensors[CUBN_ARRAY_Z]));
  if (args->output) add_span(&written, args->output, cubn_bytes_of(tensors[CUBN_ARRAY_OUTPUT]));
  if (args->dz) add_span(&written, args->dz, cubn_bytes_of(tensors[CUBN_ARRAY_Z]));
  if (doubles) {
    if (second->ddx) add_span(&read, second->ddx, cubn_bytes_of(tensors[CUBN_ARRAY_Z]));
    if (second->ddy) add_span(&written, second->ddy, cubn_bytes_of(tensors[CUBN_ARRAY_DDY]));
  }
  read.tensors = read.count;
  if (args->validity) add_span(&read, args->validity, cubn_validity_bytes(problem));
  written.tensors = written.count;
  const void *const inputs[] = {args->scale, args->bias, args->mean, args->var};
  for (int i = 0; i < 4; ++i) add_span(&read, inputs[i], param_bytes);
  add_span(&read, args->mean_low, saved_bytes);
  spans *const saved = backward ? &read : &written;
  add_span(saved, args->saved_mean, saved_bytes);
  add_span(saved, args->saved_inv_std, saved_bytes);
  add_span(saved, args->saved_mean_low, saved_bytes);
  add_span(saved, args->reserve, reserve_bytes);
  spans *const sums = problem->sums_are_given ? &read : &written;
  add_span(sums, args->dscale, param_bytes);
  add_span(sums, args->dbias, param_bytes);
  if (doubles) {
    add_span(&read, second->ddscale, param_bytes);
    add_span(&read, second->ddbias, param_bytes);
    add_span(&written, second->gscale, param_bytes);
  }
  add_span(&written, args->running_mean, param_bytes);
  add_span(&written, args->running_var, param_bytes);
  if (args->factor_pointer || args->nonfinite || args->any_nonfinite || problem->renormalizes ||
      args->previous_running_mean != args->running_mean ||
      args->previous_running_var != args->running_var)
    return false;
  return !do_spans_meet(&written, &written) && !do_spans_meet(&written, &read);
}
