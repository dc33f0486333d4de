/* Channels of a fast call: from sums to statistics, and from these to the kernels' coefficients,
 * all in double. */
#ifndef CUBN_CPU_FAST_CHANNELS_H
#define CUBN_CPU_FAST_CHANNELS_H

#include "cpu/common/params.h"
#include "cpu/fast/call.h"

/* The arrays of cubn_channels. */
#define CUBN_CHANNEL_ARRAYS 21

/* Neighboring channels, with one array of doubles for each of their numbers. */
typedef struct cubn_channels {
  int64_t first, count;
  union {
    struct {
      double *scale, *bias;               /* parameters, as the caller gave them */
      double *mean, *var;                 /* statistics, as they were computed or given */
      double *mean_low;                   /* what the center lacks of the mean */
      double *pivot;                      /* the center while sums are formed */
      double *prescale, *dy_prescale;     /* powers of two, mostly 1: see kernels.h */
      double *sums[CUBN_RUN_SUMS_MAX];    /* the sums of the pass, see kernels.h */
      double *center, *inv_std;           /* coefficients, see kernels.h */
      double *gain, *slope, *shift;       /* coefficients, see kernels.h */
      double *preact_gain, *preact_shift; /* coefficients of the pre-activation, in backward */
      double
          *explained; /* not 0 if sums are finite, or NaN or infinity explains that they are not */
      double *needs_double; /* not 0 if float arithmetic cannot compute the channel, see exact.h */
      double *is_nan;       /* not 0 if the coefficients make all outputs NaN, see settle.h */
    };
    double *arrays[CUBN_CHANNEL_ARRAYS]; /* all of these */
  };
  bool any_exceptional; /* some channel needs double or is NaN */
  bool any_prescaled;   /* some prescale or dy_prescale is not 1 */
  int rounds;           /* how many times the sums were formed again; 0: all of them are of use */
} cubn_channels;

/* Sets the arrays, each of `capacity` doubles. Memory is CUBN_CHANNEL_ARRAYS * capacity doubles. */
void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity);

/* A part of the channels, in the same memory. */
cubn_channels cubn_channels_from(const cubn_channels *channels, int64_t first, int64_t count);

/* Sets a prescale of channel i, one of the two arrays. */
static inline void cubn_fast_prescale(cubn_channels *channels, double *prescales, int64_t i,
                                      double prescale) {
  prescales[i] = prescale;
  if (prescale != 1) channels->any_prescaled = true;
}

/* Sets all prescales to 1, for the first round of sums. */
void cubn_fast_clear_prescales(cubn_channels *channels);

/* Loads the parameters of the channels; all are `absent` if the array is NULL. */
static inline void cubn_fast_load(const cubn_call *call, const cubn_channels *channels,
                                  const void *array, double absent, double *values) {
  const cubn_patch patch = {channels->first, 1, 0, channels->count, 1};
  cubn_params_load(call->param_type, array, patch, absent, values);
}

static inline void cubn_fast_store(const cubn_call *call, const cubn_channels *channels,
                                   const double *values, void *array) {
  const cubn_patch patch = {channels->first, 1, 0, channels->count, 1};
  cubn_params_store(call->param_type, &patch, values, array);
}

/* array = weight * values + prior_weight * prior. If prior_weight is 0, prior is not read. */
static inline void cubn_fast_blend(const cubn_call *call, const cubn_channels *channels,
                                   double weight, const double *values, double prior_weight,
                                   const void *prior, void *array) {
  const cubn_patch patch = {channels->first, 1, 0, channels->count, 1};
  cubn_params_blend(call->param_type, &patch, weight, values, prior_weight, prior, array);
}

/* Leaves two numbers of each channel to what merges virtual batches; false if nothing does. */
static inline bool cubn_fast_defer(const cubn_call *call, const cubn_channels *channels,
                                   const double *first, const double *second) {
  double *const deferred = call->device->deferred;
  if (!deferred) return false;
  for (int64_t i = 0; i < channels->count; ++i) {
    deferred[channels->first + i] = first[i];
    deferred[call->problem->c + channels->first + i] = second[i];
  }
  return true;
}

/* inv_std from given variances, which may be inv_std themselves. */
void cubn_fast_set_inv_std(const cubn_call *call, cubn_channels *channels);

/* Sets mean, var and inv_std from the sums over x - pivot, or from x where these do not suffice,
 * and clears the prescales. */
void cubn_fast_set_statistics(const cubn_call *call, cubn_channels *channels);

/* All values of a channel. */
cubn_patch cubn_fast_values(const cubn_problem *problem, int64_t channel);

/* The coefficients of channel i for output. */
cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t i);

/* The coefficients of channel i for sums: the center is the pivot. */
cubn_coefficients cubn_fast_sum_coefficients(const cubn_channels *channels, int64_t i);

#endif /* CUBN_CPU_FAST_CHANNELS_H */
