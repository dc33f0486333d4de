/* What the fast algorithms share: one call, and the arithmetic on its channels. They differ from the
 * plain ones (job.h) in that elements are computed in their own precision, by kernels.h. */
#ifndef CUBN_CPU_FAST_H
#define CUBN_CPU_FAST_H

#include "core/backend.h"
#include "cpu/common/activation.h"
#include "cpu/common/convert.h"
#include "cpu/common/needs.h"
#include "cpu/common/device.h"
#include "cpu/kernels/kernels.h"

/* One call. */
typedef struct cubn_call {
  const cubn_device *device;
  const cubn_problem *problem;
  const cubn_args *args;
  const cubn_kernels *kernels;
  const cubn_conversion *type, *param_type;
  int64_t element_bytes;
  cubn_needs needs;
  int sums;          /* per channel: 2 of statistics, 3 of backward, or none */
  bool writes;       /* elements: y, or dx and dz */
  int64_t threads;   /* that may work on it */
  bool nontemporal;  /* the output goes past the caches */
  bool fits_l2;      /* all tensors fit in one core's cache */
  bool prefetches;   /* tensors are so large that they hardly are in the caches */
  bool has_epilogue; /* fused kernels are needed, and ... */
  cubn_fusion fusion;
  cubn_activator activator; /* ... the same for double */
  /* Float would not do for a factor of the call: cubn_exact_... must compute the output. */
  bool factor_needs_double;
} cubn_call;

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args);

/* The same call while it sums up the statistics of x; in backward these come first where they are
 * not given. */
cubn_call cubn_call_of_moments(const cubn_call *call);

/* Why the fast algorithms cannot do this problem, or NULL. */
cubn_refusal cubn_fast_reject(const cubn_device *device, const cubn_problem *problem);

/* The element at this offset. */
static inline const void *cubn_at(const cubn_call *call, const void *array, int64_t offset) {
  return (const char *)array + offset * call->element_bytes;
}

static inline void *cubn_output_at(const cubn_call *call, int64_t offset) {
  return (char *)call->args->output + offset * call->element_bytes;
}

/* Neighbouring channels. Arrays of doubles, one for each channel, in memory of the caller:
 * cubn_channels_place needs CUBN_CHANNEL_ARRAYS times `capacity` of them. */
#define CUBN_CHANNEL_ARRAYS 12
typedef struct cubn_channels {
  int64_t first, count;
  double *pivot;                                   /* the center while sums are formed */
  double *center, *inv_std, *gain, *slope, *shift; /* see kernels.h */
  double *preact_gain, *preact_shift;
  double *sums[CUBN_RUN_SUMS_MAX];
  /* Not 0 where float would not do for a channel: cubn_exact_... must compute its output. */
  double *needs_double;
  bool any_needs_double; /* some channel is wide */
} cubn_channels;

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity);

/* The channels first .. first + count - 1: loads pivots or given statistics, and completes the
 * coefficients if these do not wait for sums. */
void cubn_fast_begin(const cubn_call *call, int64_t first, int64_t count, cubn_channels *channels);

/* What the kernels need not do for every value (fast_center.c). The pivots of statistics, and those of
 * backward; the coefficients of the output of channel i, and the sums of backward as they would be
 * with x_hat. */
void cubn_fast_load_pivots(const cubn_call *call, cubn_channels *channels);
void cubn_fast_set_pivots(const cubn_call *call, cubn_channels *channels);
void cubn_fast_fold(const cubn_call *call, cubn_channels *channels, int64_t i);
void cubn_fast_unfold_sums(const cubn_call *call, cubn_channels *channels, int64_t i);

/* Backward, the sums of the statistics are known: what given statistics would have been. */
void cubn_fast_finish_moments(const cubn_call *call, cubn_channels *channels);

/* The sums are known: writes what goes with them (saved and running statistics; dscale and dbias)
 * and completes the coefficients. */
void cubn_fast_finish(const cubn_call *call, cubn_channels *channels);

cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t index);
/* The same for sums: the center is the pivot. */
cubn_coefficients cubn_fast_sum_coefficients(const cubn_channels *channels, int64_t index);

/* All values of a channel. */
cubn_patch cubn_fast_values(const cubn_problem *problem, int64_t channel);

void cubn_fast_mark_double(cubn_channels *channels, int64_t i);

/* Computes the output of some values of a channel in double. */
void cubn_fast_output_exact(const cubn_call *call, cubn_patch values,
                            const cubn_coefficients *coef);

/* ---- between the files that do this */

/* As the kernels hold it. */
static inline double cubn_to_real(const cubn_call *call, double value) {
  return call->kernels->real_bytes == sizeof(double) ? value : (double)(float)value;
}

double cubn_inverse_deviation(double var, double epsilon);

/* Parameters of the channels; if the array is NULL, `absent` for all. */
void cubn_fast_load(const cubn_call *call, const cubn_channels *channels, const void *array,
                    double absent, double *values);
/* array = weight * values + prior_weight * prior; prior is not read if its weight is 0. */
void cubn_fast_blend(const cubn_call *call, const cubn_channels *channels, double weight,
                     const double *values, double prior_weight, const void *prior, void *array);

/* Mean and variance of channel i from the sums over x - pivot. */
void cubn_fast_moments(const cubn_call *call, const cubn_channels *channels, int64_t i,
                       double *mean, double *var);

#endif /* CUBN_CPU_FAST_H */
