/* What a batch leaves in the running statistics, and where its statistics are not finite. */
#include "cpu/common/running.h"

#include "cpu/common/params.h"
#include "cpu/common/statistics.h"

static bool is_finite(const cubn_conversion *type, double mean, double var) {
  const bool is_float = type->bytes == sizeof(float);
  return cubn_is_kept_finite(is_float, mean) && cubn_is_kept_finite(is_float, var);
}

/* Returns whether all channels are finite. Threads set any_nonfinite to the same value. */
static bool mark(const cubn_args *args, const cubn_conversion *type, const cubn_patch *channels,
                 const double *mean, const double *var) {
  bool all = true;
  for (int64_t i = 0; i < channels->count; ++i) {
    const bool finite = is_finite(type, mean[i], var[i]);
    if (args->nonfinite) args->nonfinite[channels->offset + i * channels->stride] = !finite;
    all &= finite;
  }
  if (!all && args->any_nonfinite) __atomic_store_n(args->any_nonfinite, 1, __ATOMIC_RELAXED);
  return all;
}

void cubn_mark_finite(const cubn_args *args, const cubn_patch *channels) {
  for (int64_t i = 0; args->nonfinite && i < channels->count; ++i)
    args->nonfinite[channels->offset + i * channels->stride] = 0;
}

static void blend(const cubn_args *args, const cubn_conversion *type, const cubn_patch *channels,
                  double factor, const double *mean, const double *var) {
  cubn_params_blend(type, channels, factor, mean, 1 - factor, args->previous_running_mean,
                    args->running_mean);
  cubn_params_blend(type, channels, factor, var, 1 - factor, args->previous_running_var,
                    args->running_var);
}

void cubn_update_running_params(const cubn_problem *problem, const cubn_args *args,
                                const cubn_conversion *type, const cubn_patch *channels,
                                const double *mean, const double *var) {
  static const double zero = 0;
  const bool judges = args->guards_running || args->nonfinite || args->any_nonfinite;
  const bool is_usual = !judges || mark(args, type, channels, mean, var) || !args->guards_running;
  if (!problem->has_running) return;
  const double factor = cubn_running_factor(type, args);
  if (is_usual) {
    blend(args, type, channels, factor, mean, var);
    return;
  }
  for (int64_t i = 0; i < channels->count; ++i) {
    const cubn_patch one = {channels->offset + i * channels->stride, 1, 0, 1, 1};
    const bool finite = is_finite(type, mean[i], var[i]);
    blend(args, type, &one, finite ? factor : 0, finite ? mean + i : &zero,
          finite ? var + i : &zero);
  }
}
