/* What a batch leaves in the running statistics, and where its statistics are not finite. */
#ifndef CUBN_CPU_COMMON_RUNNING_H
#define CUBN_CPU_COMMON_RUNNING_H

#include "core/backend.h"
#include "cpu/common/convert.h"

/* Whether something is to be done with the statistics of the batch. */
static inline bool cubn_keeps_running(const cubn_problem *problem, const cubn_args *args) {
  return problem->has_running || args->nonfinite || args->any_nonfinite;
}

/* Writes nonfinite and any_nonfinite, and updates the running statistics. Of `channels` means and
 * the variances that the running ones take are given. The arrays may share memory with scale and
 * bias, so this is the last thing that is done with a channel's parameters. */
void cubn_update_running_params(const cubn_problem *problem, const cubn_args *args,
                                const cubn_conversion *param_type, const cubn_patch *channels,
                                const double *mean, const double *var);

/* Channels without values: nonfinite is 0. */
void cubn_mark_finite(const cubn_args *args, const cubn_patch *channels);

#endif /* CUBN_CPU_COMMON_RUNNING_H */
