/* Passes over the samples of a chunk, tile by tile. */
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/plain/job.h"

/* A tile and its padding. */
typedef struct masked_tile {
  cubn_tile tile;
  int64_t count;                /* of valid samples */
  bool valid[CUBN_TILE_VALUES]; /* not set where all are */
} masked_tile;

/* Sets the tile that begins at sample `first` of a group, of at most `samples`. */
static void get_tile(const cubn_job *job, const cubn_group *group, int64_t first, int64_t samples,
                     masked_tile *masked) {
  masked->tile = (cubn_tile){job, group, first, cubn_min(samples, group->tile_samples)};
  masked->count =
      cubn_has_padding(job) ? cubn_find_valid(&masked->tile, masked->valid) : masked->tile.samples;
}

/* The values of a tile without padding: themselves, or copied. */
static const double *valid_values(const masked_tile *masked, const double *values, double *copy) {
  if (masked->count == masked->tile.samples) return values;
  cubn_copy_valid(&masked->tile, masked->valid, values, copy);
  return copy;
}

static void store_tile(const masked_tile *masked, cubn_array array, double *values, void *base) {
  if (masked->count < masked->tile.samples)
    cubn_store_valid(&masked->tile, array, masked->valid, values, base);
  else
    cubn_store_tile(&masked->tile, array, values, base);
}

static void set_zero(double *values, int64_t count) {
  memset(values, 0, (size_t)count * sizeof *values);
}

/* Two passes over the tile: the mean first, then the differences from it. */
static void tile_moments(const double *x, const cubn_group *group, int64_t samples,
                         const cubn_lanes *lanes, cubn_moments *moments) {
  double mean[CUBN_LANES_MAX], squares[CUBN_LANES_MAX];
  set_zero(mean, group->lanes);
  set_zero(squares, group->lanes);
  const int64_t values = samples * group->width;
  cubn_tile_sum(x, values, group->lanes, lanes->mean_high, mean);
  cubn_lanes_fold(mean, group->width, group->lanes);
  for (int64_t j = 0; j < group->width; ++j) mean[j] /= (double)samples;
  cubn_lanes_spread(mean, group->width, group->lanes);
  cubn_tile_squares(x, values, group->lanes, lanes->mean_high, mean, squares);
  cubn_lanes_fold(squares, group->width, group->lanes);
  moments->count = samples;
  memcpy(moments->mean, mean, (size_t)group->width * sizeof *mean);
  memcpy(moments->squares, squares, (size_t)group->width * sizeof *squares);
}

void cubn_sweep_moments(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes, cubn_moments *moments) {
  double x[CUBN_TILE_VALUES], copy[CUBN_TILE_VALUES];
  masked_tile masked;
  moments->count = 0;
  for (int64_t done = 0; done < count;) {
    get_tile(job, group, first + done, count - done, &masked);
    done += masked.tile.samples;
    if (masked.count == 0) continue;
    cubn_load_tile(&masked.tile, CUBN_ARRAY_X, job->args->x, x);
    cubn_moments further;
    tile_moments(valid_values(&masked, x, copy), group, masked.count, lanes, &further);
    cubn_moments_append(moments, &further, group->width);
  }
}

/* Blends with the prior output, and writes the result. */
static void write_output(const masked_tile *masked, double *result) {
  const cubn_tile *const tile = &masked->tile;
  const cubn_job *job = tile->job;
  if (job->problem->blends) {
    double prior[CUBN_TILE_VALUES];
    cubn_load_tile(tile, CUBN_ARRAY_OUTPUT, job->args->output, prior);
    cubn_tile_blend(result, prior, tile->samples * tile->group->width, job->args->beta);
  }
  store_tile(masked, CUBN_ARRAY_OUTPUT, result, job->args->output);
}

void cubn_sweep_forward(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                        const cubn_lanes *lanes) {
  const bool has_activation = job->problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
  double x[CUBN_TILE_VALUES], y[CUBN_TILE_VALUES];
  masked_tile masked;
  const cubn_tile *const tile = &masked.tile;
  for (int64_t done = 0; done < count;) {
    get_tile(job, group, first + done, count - done, &masked);
    const int64_t values = tile->samples * group->width;
    cubn_load_tile(tile, CUBN_ARRAY_X, job->args->x, has_activation ? x : y);
    if (has_activation)
      cubn_tile_preact(x, y, values, group->lanes, lanes);
    else
      cubn_tile_normalize(y, values, group->lanes, lanes);
    if (cubn_is_fused(job->problem)) cubn_tile_epilogue_forward(tile, y);
    write_output(&masked, y);
    done += tile->samples;
  }
}

/* Writes dz and dx of a tile; dy becomes dx. */
static void store_gradients(const masked_tile *masked, const double *x, double *dy,
                            const cubn_lanes *lanes) {
  const cubn_tile *const tile = &masked->tile;
  const cubn_problem *problem = tile->job->problem;
  const int64_t values = tile->samples * tile->group->width, n = tile->group->lanes;
  if (problem->has_dz) store_tile(masked, CUBN_ARRAY_Z, dy, tile->job->args->dz);
  if (!problem->has_output) return;
  if (problem->is_frozen)
    cubn_tile_scale(dy, values, n, lanes);
  else
    cubn_tile_gradient(x, dy, values, n, lanes);
  write_output(masked, dy);
}

/* Adds a tile to the sums. */
static void add_gradients(const masked_tile *masked, const double *x, const double *dy,
                          const cubn_lanes *lanes, cubn_lane_sums *sums) {
  static const double zeros[CUBN_LANES_MAX];
  double valid_x[CUBN_TILE_VALUES], valid_dy[CUBN_TILE_VALUES];
  const cubn_tile *const tile = &masked->tile;
  const int64_t values = masked->count * tile->group->width, n = tile->group->lanes;
  if (tile->job->needs.x_sums) x = valid_values(masked, x, valid_x);
  dy = valid_values(masked, dy, valid_dy);
  if (tile->job->needs.x_sums)
    cubn_tile_gradient_sums(x, dy, values, n, lanes, sums);
  else
    cubn_tile_sum(dy, values, n, zeros, sums->dy);
}

/* From lanes to channels. */
static void fold_sums(const cubn_group *group, cubn_lane_sums *lane_sums,
                      cubn_gradient_sums *sums) {
  cubn_lanes_fold(lane_sums->dy, group->width, group->lanes);
  cubn_lanes_fold(lane_sums->dy_x_hat, group->width, group->lanes);
  cubn_lanes_fold(lane_sums->x, group->width, group->lanes);
  const size_t bytes = (size_t)group->width * sizeof(double);
  memcpy(sums->dy, lane_sums->dy, bytes);
  memcpy(sums->dy_x_hat, lane_sums->dy_x_hat, bytes);
  memcpy(sums->x, lane_sums->x, bytes);
}

void cubn_sweep_backward(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                         const cubn_lanes *lanes, cubn_gradient_sums *sums, bool writes) {
  const cubn_problem *problem = job->problem;
  const bool dx_needs_x = problem->has_output && !problem->is_frozen;
  const bool needs_x = cubn_recomputes_preactivation(problem) || (sums && job->needs.x_sums) ||
                       (writes && dx_needs_x);
  const bool has_activation = problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
  double x[CUBN_TILE_VALUES], dy[CUBN_TILE_VALUES];
  masked_tile masked;
  const cubn_tile *const tile = &masked.tile;
  cubn_lane_sums lane_sums;
  int64_t valid = 0;
  set_zero(lane_sums.dy, group->lanes);
  set_zero(lane_sums.dy_x_hat, group->lanes);
  set_zero(lane_sums.x, group->lanes);
  for (int64_t done = 0; done < count;) {
    get_tile(job, group, first + done, count - done, &masked);
    if (needs_x) cubn_load_tile(tile, CUBN_ARRAY_X, job->args->x, x);
    cubn_load_tile(tile, CUBN_ARRAY_DY, job->args->dy, dy);
    if (has_activation && problem->is_from_y)
      cubn_tile_epilogue_from_y(tile, x, dy);
    else if (has_activation)
      cubn_tile_epilogue_backward(tile, lanes, x, dy);
    if (sums) add_gradients(&masked, x, dy, lanes, &lane_sums);
    if (writes) store_gradients(&masked, x, dy, lanes);
    done += tile->samples;
    valid += masked.count;
  }
  if (!sums) return;
  fold_sums(group, &lane_sums, sums);
  sums->count = valid;
}
