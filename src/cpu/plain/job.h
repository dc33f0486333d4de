/* One call of a plain algorithm, divided into work items for the CPU's threads.
 *
 * Neighboring channels form groups, and the samples of a group form chunks. The division depends on
 * the problem alone, and partial results are combined in the order of the chunks, so that results
 * do not depend on the number of threads.
 *
 * An algorithm says where the elements are in memory (cubn_plan). Everything else is common to all:
 *   job.c       divides the job and runs the work items
 *   sweep.c     passes over the samples of a chunk, tile by tile
 *   epilogue.c  addition and activation, on a tile
 *   tile_io.c   tiles from and to memory
 *   tile.c      arithmetic on the values of a tile
 *   channels.c  arithmetic on channels: statistics, coefficients
 *   affine.c    scale and bias as they are applied
 *   double_backward.c, double_tile.c   all of these for double backward
 *   gradients.c  either backward
 *   params.c    the parameters of a group
 *   partials.c  results of chunks
 *   valid.c     masks and lengths */
#ifndef CUBN_CPU_PLAIN_JOB_H
#define CUBN_CPU_PLAIN_JOB_H

#include "core/backend.h"
#include "cpu/common/activation.h"
#include "cpu/common/convert.h"
#include "cpu/common/needs.h"
#include "cpu/plain/tile.h"

/* Channels of a group of the strided algorithm. At most CUBN_WIDTH_MAX, as every width. */
#define CUBN_GROUP_WIDTH 64
/* Below so many samples, such a group is faster than one channel at a time (n * s of
 * [n][64][s]). */
#define CUBN_FEW_SAMPLES 512

/* A group: `width` channels, at a fixed distance from one another in every array. */
typedef struct cubn_group {
  int64_t width;                    /* channels */
  int64_t first_channel;            /* number of the first one in cubn_problem.channels */
  int64_t lanes;                    /* lanes of its tiles, see tile.h */
  int64_t tile_samples;             /* samples of a whole tile */
  int64_t offset[CUBN_ARRAY_COUNT]; /* offset of the first sample of the first channel */
  int64_t stride[CUBN_ARRAY_COUNT]; /* distance from channel to channel */
} cubn_group;

/* How an algorithm divides the channels into groups, and where the samples of a group are. */
typedef struct cubn_plan {
  int64_t groups; /* number of groups */
  int64_t width;  /* channels of a group; some groups may have fewer */
  /* Sets width, first_channel, offset and stride of a group. */
  void (*group)(const cubn_problem *problem, const struct cubn_plan *plan, int64_t index,
                cubn_group *group);
  /* The patch that begins at this sample, of as many samples as is simple, at least 1 and at most
   * `samples`. Its elements are in the order of samples, and of channels within a sample. */
  cubn_patch (*patch)(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                      int64_t sample, int64_t samples);
} cubn_plan;

/* Moments of some of each channel's values. */
typedef struct cubn_moments {
  int64_t count;                  /* values per channel */
  double mean[CUBN_WIDTH_MAX];    /* means, relative to cubn_lanes.mean_high */
  double squares[CUBN_WIDTH_MAX]; /* sums of squared differences from the mean */
} cubn_moments;

/* The sums of backward over some of each channel's values. dy is the gradient after the derivative
 * of the activation, here and below. */
typedef struct cubn_gradient_sums {
  int64_t count;                   /* values per channel */
  double dy[CUBN_WIDTH_MAX];       /* sums of dy */
  double dy_x_hat[CUBN_WIDTH_MAX]; /* sums of dy * x_hat */
  double x[CUBN_WIDTH_MAX];        /* sums of x minus the mean as it was saved */
} cubn_gradient_sums;

/* The sums of double backward, in the order of cubn_double_sums. */
enum { CUBN_DOUBLE_SUMS = sizeof(cubn_double_sums) / sizeof(double) };
typedef struct cubn_double_group_sums {
  double of[CUBN_DOUBLE_SUMS][CUBN_WIDTH_MAX];
} cubn_double_group_sums;

/* The result of a chunk. A job has one of them at a time. */
typedef union cubn_partial {
  cubn_moments moments;
  cubn_gradient_sums sums;
  cubn_double_group_sums double_sums;
} cubn_partial;

typedef struct cubn_job {
  const cubn_problem *problem;
  const cubn_args *args;
  const cubn_conversion *type, *param_type; /* types of elements and of parameters */
  cubn_activator activator;
  cubn_needs needs;
  cubn_plan plan;
  const cubn_device *device;
  int64_t chunks;         /* of each group */
  int64_t chunk_samples;  /* samples of a chunk; the last one may have fewer */
  int64_t slice;          /* groups that are processed at the same time */
  int64_t first_group;    /* the first group of the current slice */
  cubn_lanes *lanes;      /* [slice], if there is more than one chunk */
  cubn_partial *partials; /* [slice][chunks], if there is more than one chunk */
} cubn_job;

/* Bytes of workspace for a plan; never more than CUBN_CPU_WORKSPACE_BYTES. */
size_t cubn_job_workspace_bytes(const cubn_problem *problem, const cubn_plan *plan);

/* Computes. */
cubnStatus_t cubn_job_run(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args, const cubn_plan *plan);

/* Defines the algorithm cubn_cpu_NAME from the functions `reject` and `make_plan` of its file. */
#define CUBN_PLAIN_ALGO(NAME)                                                             \
  static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) { \
    const cubn_plan plan = make_plan(problem);                                            \
    (void)device;                                                                         \
    return cubn_job_workspace_bytes(problem, &plan);                                      \
  }                                                                                       \
  static cubnStatus_t run(cubn_device *device, const cubn_problem *problem,               \
                          const cubn_args *args) {                                        \
    const cubn_plan plan = make_plan(problem);                                            \
    return cubn_job_run(device, problem, args, &plan);                                    \
  }                                                                                       \
  const cubn_algo cubn_cpu_##NAME = {#NAME, reject, workspace_bytes, run}

/* A tile: samples first .. first + samples - 1 of a group, at most group->tile_samples. */
typedef struct cubn_tile {
  const cubn_job *job;
  const cubn_group *group;
  int64_t first, samples;
} cubn_tile;

/* ---- sweep.c: passes over samples first .. first + count - 1 of a group */
void cubn_sweep_moments(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes, cubn_moments *moments);
void cubn_sweep_forward(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes);
/* Computes the sums if `sums` is not NULL, and writes dx and dz if `writes`. */
void cubn_sweep_backward(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                         const cubn_lanes *lanes, cubn_gradient_sums *sums, bool writes);

/* ---- double_backward.c: the passes of double backward, and what is done for its channels before
 * and after the first one */
void cubn_sweep_double_sums(const cubn_job *job, const cubn_group *group, int64_t first,
                            int64_t count, const cubn_lanes *lanes, cubn_double_group_sums *sums);
void cubn_sweep_double_gradients(const cubn_job *job, const cubn_group *group, int64_t first,
                                 int64_t count, const cubn_lanes *lanes);
void cubn_double_sums_append(cubn_double_group_sums *sums, const cubn_double_group_sums *further,
                             int64_t width);
/* Sets the pivots. */
void cubn_channels_begin_double(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes);
/* Sets the factors, and writes gscale. */
void cubn_channels_finish_double(const cubn_job *job, const cubn_group *group,
                                 const cubn_double_group_sums *sums, cubn_lanes *lanes);

/* ---- gradients.c: the two passes of backward or of double backward over `count` samples */
void cubn_gradients_sum(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes, cubn_partial *partial);
void cubn_gradients_append(const cubn_job *job, cubn_partial *partial, const cubn_partial *further,
                           int64_t width);
/* The sums are known: sets what the second pass needs, and writes gradients of parameters. */
void cubn_gradients_finish(const cubn_job *job, const cubn_group *group,
                           const cubn_partial *partial, cubn_lanes *lanes);
void cubn_gradients_write(const cubn_job *job, const cubn_group *group, int64_t first,
                          int64_t count, const cubn_lanes *lanes);

/* ---- epilogue.c */
/* p = scale * x_hat + bias becomes alpha * activation(p [+ z]). Writes mask or pre-activation to
 * the reserve space. */
void cubn_tile_epilogue_forward(const cubn_tile *tile, double *p);
/* dy becomes dp. x is read only if the pre-activation is computed again. */
void cubn_tile_epilogue_backward(const cubn_tile *tile, const cubn_lanes *lanes, const double *x,
                                 double *dy);
/* From y: dy becomes dp, and x, which is y, the pre-activation. */
void cubn_tile_epilogue_from_y(const cubn_tile *tile, double *x, double *dy);

/* ---- valid.c: problems of which not all elements are valid */
bool cubn_has_padding(const cubn_job *job);
/* Sets valid[i] of the tile's samples; returns how many are valid. */
int64_t cubn_find_valid(const cubn_tile *tile, bool *valid);
/* The first valid sample of a group, -1 if there is none. */
int64_t cubn_first_valid(const cubn_job *job, const cubn_group *group);
/* Copies the values of valid samples. */
void cubn_copy_valid(const cubn_tile *tile, const bool *valid, const double *values, double *to);
/* Stores a tile; its padding becomes 0, or stays. */
void cubn_store_valid(const cubn_tile *tile, cubn_array array, const bool *valid, double *values,
                      void *base);

/* ---- tile_io.c */
/* The patches that hold a tile in one of the arrays. */
typedef struct cubn_patches {
  const cubn_tile *tile;
  cubn_array array;
  int64_t samples; /* samples of the patches so far; 0 at the beginning */
} cubn_patches;
/* The next patch; false if there is none. */
bool cubn_next_patch(cubn_patches *patches, cubn_patch *patch);

void cubn_load_tile(const cubn_tile *tile, cubn_array array, const void *base, double *values);
void cubn_store_tile(const cubn_tile *tile, cubn_array array, const double *values, void *base);

/* ---- params.c: the parameters of a group's channels */
/* Loads parameters; all are `absent` if the array is NULL. */
void cubn_load_param(const cubn_job *job, const cubn_group *group, const void *array, double absent,
                     double *values);
void cubn_store_param(const cubn_job *job, const cubn_group *group, const double *values,
                      void *array);
/* array = weight * values + prior_weight * prior. If prior_weight is 0, prior is not read. */
void cubn_blend_param(const cubn_job *job, const cubn_group *group, double weight,
                      const double *values, double prior_weight, const void *prior, void *array);
/* cubn_update_running_params and cubn_mark_finite of a group. */
void cubn_update_group_running(const cubn_job *job, const cubn_group *group, const double *mean,
                               const double *var);
void cubn_mark_group_finite(const cubn_job *job, const cubn_group *group);
/* The value as a parameter would be stored. */
double cubn_round_param(const cubn_job *job, double value);
/* A saved statistic of backward, or what it lacks of the mean; 0 if the array is NULL. */
void cubn_load_saved(const cubn_job *job, const cubn_group *group, const void *array,
                     double *values);
/* An array of CUBN_RESERVE_STATISTICS. */
void cubn_load_reserved(const cubn_job *job, const cubn_group *group, cubn_reserved which,
                        double *values);
void cubn_store_reserved(const cubn_job *job, const cubn_group *group, cubn_reserved which,
                         const double *values);

/* ---- partials.c */
/* Appends the moments of further values (Chan, Golub and LeVeque 1979). */
void cubn_moments_append(cubn_moments *moments, const cubn_moments *further, int64_t width);
void cubn_gradient_sums_append(cubn_gradient_sums *sums, const cubn_gradient_sums *further,
                               int64_t width);

/* ---- channels.c */
/* Sets what is known of the lanes before any pass over x: a number near the mean if statistics are
 * to be computed, else the given statistics and what follows from them. */
void cubn_channels_begin(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes);

/* The statistics are known: completes the lanes, except for what waits for the sums of backward.
 * Writes saved and running statistics. */
void cubn_channels_finish_moments(const cubn_job *job, const cubn_group *group,
                                  const cubn_moments *moments, cubn_lanes *lanes);

/* The sums of backward are known: completes the lanes for dx. Writes dscale and dbias. */
void cubn_channels_finish_sums(const cubn_job *job, const cubn_group *group,
                               const cubn_gradient_sums *sums, cubn_lanes *lanes);

/* Writes dscale and dbias of channels without values. */
void cubn_channels_finish_empty(const cubn_job *job, const cubn_group *group);

#endif /* CUBN_CPU_PLAIN_JOB_H */
