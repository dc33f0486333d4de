/* The beginning and the end of any pass. */
#include "cpu/fast/passes.h"

#include "cpu/fast/pivots.h"

void cubn_fast_clear(const cubn_call *call, cubn_channels *channels) {
  channels->any_exceptional = call->factor_needs_double;
  for (int64_t i = 0; i < channels->count; ++i) {
    channels->needs_double[i] = call->factor_needs_double;
    channels->is_nan[i] = 0;
  }
  channels->any_prescaled = false;
  if (call->sums || call->problem->pass == CUBN_PASS_BACKWARD) cubn_fast_clear_prescales(channels);
}

void cubn_fast_begin(const cubn_call *call, int64_t first, int64_t count, cubn_channels *channels) {
  channels->first = first;
  channels->count = count;
  cubn_fast_clear(call, channels);
  if (call->needs.moments)
    cubn_fast_load_pivots(call, channels);
  else if (call->problem->pass == CUBN_PASS_BACKWARD)
    cubn_fast_begin_backward(call, channels);
  else
    cubn_fast_begin_inference(call, channels);
}

void cubn_fast_finish(const cubn_call *call, cubn_channels *channels) {
  if (!call->sums) return;
  if (call->problem->pass == CUBN_PASS_TRAIN)
    cubn_fast_finish_training(call, channels);
  else
    cubn_fast_finish_backward(call, channels);
}
