/* One call, cut into pieces of work for the CPU's threads.
 *
 * Channels are taken in groups of neighbours, and the samples of a group in chunks. How they are
 * cut depends on the problem alone, and partial results are combined in the order of the chunks, so
 * that results do not depend on the number of threads.
 *
 * An algorithm says how memory is walked (cubn_walk_plan); everything else is common to all:
 *   tile.c      arithmetic on the values of a tile
 *   fused.c     what is fused with the normalization, on a tile: activation.c, mask.c
 *   sweep.c     a pass over the samples of a chunk, tile by tile
 *   channels.c  arithmetic on channels: statistics, coefficients
 *   params.c    their arrays
 *   job.c       cuts the job and runs the pieces */
#ifndef CUBN_CPU_JOB_H
#define CUBN_CPU_JOB_H

#include "core/backend.h"
#include "cpu/common/activation.h"
#include "cpu/common/convert.h"
#include "cpu/common/needs.h"
#include "cpu/plain/tile.h"

/* Channels in a group that takes channels side by side although they are not neighbours in memory,
 * and the samples below which that is faster than one channel at a time (n * s of [n][64][s]). */
#define CUBN_GROUP_WIDTH 64
#define CUBN_FEW_SAMPLES 512

/* A group: `width` channels, at a fixed distance from one another in every array. */
typedef struct cubn_group {
  int64_t width;
  int64_t first_channel;            /* number of its first element of cubn_problem.channels */
  int64_t lanes;                    /* of its tiles, see tile.h */
  int64_t tile_samples;             /* in a whole tile */
  int64_t offset[CUBN_ARRAY_COUNT]; /* of the first sample of the first channel, in elements */
  int64_t stride[CUBN_ARRAY_COUNT]; /* from channel to channel */
} cubn_group;

/* How an algorithm walks through memory. */
typedef struct cubn_walk_plan {
  int64_t groups, width; /* all groups have this width, but some may be less wide */
  /* Fills in width, first_channel, offset and stride of a group. */
  void (*group)(const cubn_problem *problem, const struct cubn_walk_plan *plan, int64_t index,
                cubn_group *group);
  /* The patch that begins at this sample, of as many samples as is simple, at least 1 and at most
   * `samples`; its elements are in the order of samples, and of channels within a sample. */
  cubn_patch (*patch)(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                      int64_t sample, int64_t samples);
} cubn_walk_plan;

/* Mean and sum of squared differences from it, of a part of each channel's values. The mean is
 * relative to cubn_lanes.mean_high. */
typedef struct cubn_moments {
  int64_t count;
  double mean[CUBN_WIDTH_MAX], squares[CUBN_WIDTH_MAX];
} cubn_moments;

/* The sums of backward: dy, dy * x_hat, and x minus the mean as it was saved. Here and below dy is
 * the gradient behind the activation's derivative. */
typedef struct cubn_gradient_sums {
  double dy[CUBN_WIDTH_MAX], dy_x_hat[CUBN_WIDTH_MAX], x[CUBN_WIDTH_MAX];
} cubn_gradient_sums;

/* What a chunk gives; a job has one of the two at a time. */
typedef union cubn_partial {
  cubn_moments moments;
  cubn_gradient_sums sums;
} cubn_partial;

typedef struct cubn_job {
  const cubn_problem *problem;
  const cubn_args *args;
  const cubn_conversion *type, *param_type;
  cubn_activator activator;
  cubn_needs needs;
  cubn_walk_plan plan;
  const cubn_device *device;
  int64_t chunks, chunk_samples; /* per group */
  int64_t slice;                 /* groups that are worked on at the same time */
  int64_t first_group;           /* of the current slice */
  cubn_lanes *lanes;             /* [slice], if there is more than one chunk */
  cubn_partial *partials;        /* [slice][chunks] */
} cubn_job;

/* Bytes of workspace for a plan; never more than CUBN_CPU_WORKSPACE_BYTES. */
size_t cubn_job_workspace_bytes(const cubn_problem *problem, const cubn_walk_plan *plan);

/* Computes. */
cubnStatus_t cubn_job_run(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args, const cubn_walk_plan *plan);

/* Samples first .. first + samples - 1 of a group, no more than group->tile_samples. */
typedef struct cubn_tile {
  const cubn_job *job;
  const cubn_group *group;
  int64_t first, samples;
} cubn_tile;

/* ---- sweep.c: samples first .. first + count - 1 of a group */
void cubn_sweep_moments(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes, cubn_moments *moments);
void cubn_sweep_forward(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes);
/* Computes the sums if `sums` is not NULL, and dx and dz if it `writes`. */
void cubn_sweep_backward(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                         const cubn_lanes *lanes, cubn_gradient_sums *sums, bool writes);

/* Values of a tile from and to one of the arrays with strides. */
void cubn_load_tile(const cubn_tile *tile, cubn_array array, const void *base, double *values);
void cubn_store_tile(const cubn_tile *tile, cubn_array array, const double *values, void *base);

/* ---- fused.c */
/* scale * x_hat + bias becomes alpha * activation(that [+ z]). Writes mask or input to the reserve
 * space. */
void cubn_fuse_forward(const cubn_tile *tile, double *p);
/* dy becomes dp. x is only read if the input of the activation is computed again. */
void cubn_fuse_backward(const cubn_tile *tile, const cubn_lanes *lanes, const double *x,
                        double *dy);

/* ---- params.c: the channels of a group in a per-channel array */
void cubn_load_param(const cubn_job *job, const cubn_group *group, const void *array,
                     double *values);
/* The same, or all `absent` if array is NULL. */
void cubn_load_param_or(const cubn_job *job, const cubn_group *group, const void *array,
                        double absent, double *values);
void cubn_store_param(const cubn_job *job, const cubn_group *group, const double *values,
                      void *array);
/* array = weight * values + prior_weight * prior; prior is not read if its weight is 0. */
void cubn_blend_param(const cubn_job *job, const cubn_group *group, double weight,
                      const double *values, double prior_weight, const void *prior, void *array);
/* As a parameter would be stored. */
double cubn_round_param(const cubn_job *job, double value);
/* The means in the reserve space, see CUBN_RESERVE_MEANS. */
void cubn_load_reserved_means(const cubn_job *job, const cubn_group *group, double *values);
void cubn_store_reserved_means(const cubn_job *job, const cubn_group *group, const double *values);

/* ---- channels.c */
/* Appends the moments of further values (Chan, Golub and LeVeque 1979). */
void cubn_moments_append(cubn_moments *moments, const cubn_moments *further, int64_t width);
void cubn_gradient_sums_append(cubn_gradient_sums *sums, const cubn_gradient_sums *further,
                               int64_t width);

/* What is known of the lanes before any pass over x: a number near the mean if statistics are to be
 * computed, else the given statistics and what follows from them. */
void cubn_channels_begin(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes);

/* Statistics are known: completes the lanes, but for what waits for the sums of backward. Writes
 * saved and running statistics. */
void cubn_channels_finish_moments(const cubn_job *job, const cubn_group *group,
                                  const cubn_moments *moments, cubn_lanes *lanes);

/* The sums of backward are known: completes the lanes for dx. Writes dscale and dbias. */
void cubn_channels_finish_sums(const cubn_job *job, const cubn_group *group,
                               const cubn_gradient_sums *sums, cubn_lanes *lanes);

/* dscale and dbias of channels without values. */
void cubn_channels_finish_empty(const cubn_job *job, const cubn_group *group);

#endif /* CUBN_CPU_JOB_H */
