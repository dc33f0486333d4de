/* Passes over the samples of a chunk, tile by tile. */
#include <string.h>

#include "cpu/job.h"

/* Reads the samples first .. first + count - 1 of a group into a tile. */
static void load_tile(const cubn_job *job, const cubn_group *group, cubn_array array,
                      const void *base, int64_t first, int64_t count, double *tile) {
  const int64_t values = count * group->width;
  for (int64_t done = 0; done < values;) {
    const int64_t sample = done / group->width;
    const cubn_patch patch =
        job->plan.patch(job->problem, group, array, first + sample, count - sample);
    job->type->load(base, patch, tile + done);
    done += patch.rows * patch.count;
  }
}

static void store_tile(const cubn_job *job, const cubn_group *group, const double *tile,
                       int64_t first, int64_t count) {
  const int64_t values = count * group->width;
  for (int64_t done = 0; done < values;) {
    const int64_t sample = done / group->width;
    const cubn_patch patch =
        job->plan.patch(job->problem, group, CUBN_ARRAY_OUTPUT, first + sample, count - sample);
    job->type->store(tile + done, patch, job->args->output);
    done += patch.rows * patch.count;
  }
}

static int64_t samples_of_tile(const cubn_group *group, int64_t left) {
  return left < group->tile_samples ? left : group->tile_samples;
}

static void set_zero(double *values, int64_t count) {
  memset(values, 0, (size_t)count * sizeof *values);
}

/* Exact in two passes over the tile: the mean first, then the differences from it. */
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
  double x[CUBN_TILE_VALUES];
  moments->count = 0;
  for (int64_t done = 0, samples; done < count; done += samples) {
    samples = samples_of_tile(group, count - done);
    load_tile(job, group, CUBN_ARRAY_X, job->args->x, first + done, samples, x);
    cubn_moments tile;
    tile_moments(x, group, samples, lanes, &tile);
    cubn_moments_append(moments, &tile, group->width);
  }
}

void cubn_sweep_gradient_sums(const cubn_job *job, const cubn_group *group, int64_t first,
                              int64_t count, const cubn_lanes *lanes, cubn_gradient_sums *sums) {
  double x[CUBN_TILE_VALUES], dy[CUBN_TILE_VALUES];
  cubn_lane_sums of_lanes;
  set_zero(of_lanes.dy, group->lanes);
  set_zero(of_lanes.dy_x_hat, group->lanes);
  set_zero(of_lanes.x, group->lanes);
  for (int64_t done = 0, samples; done < count; done += samples) {
    samples = samples_of_tile(group, count - done);
    load_tile(job, group, CUBN_ARRAY_X, job->args->x, first + done, samples, x);
    load_tile(job, group, CUBN_ARRAY_DY, job->args->dy, first + done, samples, dy);
    cubn_tile_gradient_sums(x, dy, samples * group->width, group->lanes, lanes, &of_lanes);
  }
  cubn_lanes_fold(of_lanes.dy, group->width, group->lanes);
  cubn_lanes_fold(of_lanes.dy_x_hat, group->width, group->lanes);
  cubn_lanes_fold(of_lanes.x, group->width, group->lanes);
  const size_t bytes = (size_t)group->width * sizeof(double);
  memcpy(sums->dy, of_lanes.dy, bytes);
  memcpy(sums->dy_x_hat, of_lanes.dy_x_hat, bytes);
  memcpy(sums->x, of_lanes.x, bytes);
}

void cubn_sweep_output(const cubn_job *job, const cubn_group *group, int64_t first, int64_t count,
                       const cubn_lanes *lanes) {
  const bool backward = job->problem->pass == CUBN_PASS_BACKWARD;
  double x[CUBN_TILE_VALUES], dy[CUBN_TILE_VALUES], prior[CUBN_TILE_VALUES];
  for (int64_t done = 0, samples; done < count; done += samples) {
    samples = samples_of_tile(group, count - done);
    const int64_t values = samples * group->width;
    load_tile(job, group, CUBN_ARRAY_X, job->args->x, first + done, samples, x);
    if (backward) {
      load_tile(job, group, CUBN_ARRAY_DY, job->args->dy, first + done, samples, dy);
      cubn_tile_gradient(x, dy, values, group->lanes, lanes);
    } else {
      cubn_tile_normalize(x, values, group->lanes, lanes);
    }
    double *result = backward ? dy : x;
    if (job->problem->blends) {
      load_tile(job, group, CUBN_ARRAY_OUTPUT, job->args->output, first + done, samples, prior);
      cubn_tile_blend(result, prior, values, job->args->beta);
    }
    store_tile(job, group, result, first + done, samples);
  }
}
