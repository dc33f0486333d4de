/* Steps over segments of valid elements, span by span: sums and output are of other channels, whose
 * spans are the same. */
#include "cpu/common/arith.h"
#include "cpu/runs/segment_sums.h"

/* Shorter spans are not worth non-temporal stores. */
enum { NONTEMPORAL_MIN = 128 };

static void write_span(const cubn_call *call, const cubn_run_output *out) {
  call->kernels->run_output(out);
}

/* Forms the sums of a span, and writes the output of another one, if there is one. */
static void sum_span(const cubn_call *call, const cubn_run_input *in, const cubn_run_output *out,
                     double *lanes) {
  const bool can_join = out && (in->dy != NULL) == (out->dy != NULL) &&
                        !cubn_is_prescaled(in->coef) && !cubn_is_prescaled(out->coef);
  if (out && !can_join) write_span(call, out);
  call->kernels->run_sums(in, lanes, can_join ? out : NULL);
}

void cubn_segment_step_spans(const cubn_call *call, const cubn_block *next,
                             const cubn_segment *segment, const cubn_coefficients *coef,
                             double *lanes) {
  const cubn_spans *spans = &call->places->spans;
  const cubn_args *args = call->args;
  cubn_coefficients in_coef = {0};
  cubn_span_place written = {0}, summed = {0};
  if (coef) written = cubn_find_span(spans, segment->current);
  if (next) summed = cubn_find_span(spans, segment->next);
  if (next) in_coef = cubn_fast_sum_coefficients(&next->channels, segment->channel);
  for (int64_t done = 0, count; done < segment->count; done += count) {
    count = cubn_min(next ? summed.count : written.count, segment->count - done);
    cubn_run_output out;
    if (coef) out = cubn_make_run_output(call, written.offset, count, coef);
    if (coef) out.nontemporal = call->nontemporal && count >= NONTEMPORAL_MIN;
    if (coef) written = cubn_next_span(spans, written);
    if (!next) {
      write_span(call, &out);
      continue;
    }
    const cubn_span_place after = cubn_next_span(spans, summed);
    const cubn_run_input in = {
        .x = cubn_element_at(call, args->x, summed.offset),
        .dy = call->sums == 3 ? cubn_element_at(call, args->dy, summed.offset) : NULL,
        .runs = 1,
        .count = count,
        .coef = &in_coef,
        .prefetch_distance = call->prefetches ? after.offset - summed.offset : 0};
    sum_span(call, &in, coef ? &out : NULL, lanes);
    summed = after;
  }
}
