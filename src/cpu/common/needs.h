/* What has to be computed for what a call wants. */
#ifndef CUBN_CPU_COMMON_NEEDS_H
#define CUBN_CPU_COMMON_NEEDS_H

#include "core/backend.h"

typedef struct cubn_needs {
  bool moments;  /* the statistics are computed from x */
  bool sums;     /* backward, double backward: sums are formed */
  bool x_sums;   /* backward: the sums that take x are formed, too */
  bool dx_waits; /* dx, or gx and ddy, cannot be computed before the sums are known */
} cubn_needs;

static inline cubn_needs cubn_needs_of(const cubn_problem *problem, const cubn_args *args) {
  cubn_needs needs = {.moments = problem->pass == CUBN_PASS_TRAIN};
  if (problem->pass == CUBN_PASS_DOUBLE_BACKWARD) {
    needs.moments = !problem->is_frozen && !problem->has_saved;
    needs.sums = needs.dx_waits = true;
  }
  if (problem->pass != CUBN_PASS_BACKWARD) return needs;
  const bool computes_sums = !problem->sums_are_given;
  needs.dx_waits = problem->has_output && computes_sums && !problem->is_frozen;
  needs.x_sums = needs.dx_waits || (computes_sums && args->dscale);
  needs.sums = needs.x_sums || (computes_sums && args->dbias);
  /* A pre-activation that is computed again has the statistics of forward. */
  needs.moments =
      !problem->is_frozen && !problem->has_saved && (problem->has_output || needs.x_sums);
  return needs;
}

#endif /* CUBN_CPU_COMMON_NEEDS_H */
