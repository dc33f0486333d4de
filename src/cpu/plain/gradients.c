/* The two passes of backward and of double backward, and what is between. */
#include "cpu/plain/job.h"

static bool is_double(const cubn_job *job) {
  return job->problem->pass == CUBN_PASS_DOUBLE_BACKWARD;
}

void cubn_gradients_sum(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes, cubn_partial *partial) {
  if (is_double(job))
    cubn_sweep_double_sums(job, group, first, count, lanes, &partial->double_sums);
  else
    cubn_sweep_backward(job, group, first, count, lanes, &partial->sums, !job->needs.dx_waits);
}

void cubn_gradients_append(const cubn_job *job, cubn_partial *partial, const cubn_partial *further,
                           int64_t width) {
  if (is_double(job))
    cubn_double_sums_append(&partial->double_sums, &further->double_sums, width);
  else
    cubn_gradient_sums_append(&partial->sums, &further->sums, width);
}

void cubn_gradients_finish(const cubn_job *job, const cubn_group *group,
                           const cubn_partial *partial, cubn_lanes *lanes) {
  if (is_double(job))
    cubn_channels_finish_double(job, group, &partial->double_sums, lanes);
  else
    cubn_channels_finish_sums(job, group, &partial->sums, lanes);
}

void cubn_gradients_write(const cubn_job *job, const cubn_group *group, int64_t first,
                          int64_t count, const cubn_lanes *lanes) {
  if (is_double(job))
    cubn_sweep_double_gradients(job, group, first, count, lanes);
  else
    cubn_sweep_backward(job, group, first, count, lanes, NULL, true);
}
