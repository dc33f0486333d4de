/* Channels for which float would not do: each is computed in double by itself, so that its neighbours
 * come out the same whether they share a block with it or not. */
#include "cpu/fast/call.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"

void cubn_fast_mark_double(cubn_channels *channels, int64_t i) {
  channels->needs_double[i] = 1;
  channels->any_needs_double = true;
}

void cubn_fast_output_exact(const cubn_call *call, cubn_patch values,
                            const cubn_coefficients *coef) {
  const cubn_args *args = call->args;
  if (call->has_epilogue)
    cubn_fused_exact_output(call, values, coef);
  else if (call->problem->pass == CUBN_PASS_BACKWARD)
    cubn_exact_gradient(call->type, args->x, args->dy, args->output, values, coef);
  else
    cubn_exact_normalize(call->type, args->x, args->output, values, coef);
}
