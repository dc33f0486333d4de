/* One call, cut into pieces of work for the CPU's threads.
 *
 * Channels are taken in groups of neighbours, and the samples of a group in chunks. How they are
 * cut depends on the problem alone, and partial results are combined in the order of the chunks, so
 * that results do not depend on the number of threads.
 *
 * An algorithm says how memory is walked (cubn_walk_plan); everything else is common to all:
 *   tile.c      arithmetic on the values of a tile
 *   sweep.c     a pass over the samples of a chunk, tile by tile
 *   channels.c  arithmetic on channels: statistics, parameters
 *   job.c       cuts the job and runs the pieces */
#ifndef CUBN_CPU_JOB_H
#define CUBN_CPU_JOB_H

#include "cpu/convert.h"
#include "cpu/tile.h"
#include "host/backend.h"

/* Input of a group that one thread works on alone, all passes while it is in the core's cache:
 * about a second-level cache. */
#define CUBN_PIECE_BYTES (512 << 10)

/* Channels in a group that takes channels side by side although they are not neighbours in memory,
 * and the samples below which that is faster than one channel at a time (n * s of [n][64][s]). */
#define CUBN_GROUP_WIDTH 64
#define CUBN_FEW_SAMPLES 512

/* A group: `width` channels, at a fixed distance from one another in every array. */
typedef struct cubn_group {
  int64_t width;
  int64_t lanes;                    /* of its tiles, see tile.h */
  int64_t tile_samples;             /* in a whole tile */
  int64_t offset[CUBN_ARRAY_COUNT]; /* of the first sample of the first channel, in elements */
  int64_t stride[CUBN_ARRAY_COUNT]; /* from channel to channel */
} cubn_group;

/* How an algorithm walks through memory. */
typedef struct cubn_walk_plan {
  int64_t groups, width; /* all groups have this width, but some may be less wide */
  /* Fills in width, offset and stride of a group. */
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

/* The sums of backward: dy, dy * x_hat, and x minus the mean as it was saved. */
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

/* ---- sweep.c: samples first .. first + count - 1 of a group */
void cubn_sweep_moments(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes, cubn_moments *moments);
void cubn_sweep_gradient_sums(const cubn_job *job, const cubn_group *group, int64_t first,
                              int64_t count, const cubn_lanes *lanes, cubn_gradient_sums *sums);
void cubn_sweep_output(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                       const cubn_lanes *lanes);

/* ---- channels.c */
/* Appends the moments of further values (Chan, Golub and LeVeque 1979). */
void cubn_moments_append(cubn_moments *moments, const cubn_moments *further, int64_t width);
void cubn_gradient_sums_append(cubn_gradient_sums *sums, const cubn_gradient_sums *further,
                               int64_t width);

/* Whether statistics must be computed from x. */
bool cubn_needs_moments(const cubn_problem *problem);

/* What is known of the lanes before any pass over x: a number near the mean if statistics are to be
 * computed, else the given statistics, and in inference the coefficients. */
void cubn_channels_begin(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes);

/* Statistics are known: completes the lanes for forward. Writes saved and running statistics. */
void cubn_channels_put_moments(const cubn_job *job, const cubn_group *group,
                               const cubn_moments *moments, cubn_lanes *lanes);

/* The sums of backward are known: completes the lanes for dx. Writes dscale and dbias. */
void cubn_channels_put_sums(const cubn_job *job, const cubn_group *group,
                            const cubn_gradient_sums *sums, cubn_lanes *lanes);

/* dscale and dbias of channels without values. */
void cubn_channels_put_empty(const cubn_job *job, const cubn_group *group);

#endif /* CUBN_CPU_JOB_H */
