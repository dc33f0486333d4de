/* Double backward: its passes over the samples of a chunk, and its arithmetic on channels. */
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/common/statistics.h"
#include "cpu/plain/job.h"

/* Loads a tile. Without ddx its values stay the 0 that they are. */
static int64_t load(const cubn_tile *tile, cubn_double_tile *values) {
  const cubn_args *const args = tile->job->args;
  cubn_load_tile(tile, CUBN_ARRAY_X, args->x, values->x);
  cubn_load_tile(tile, CUBN_ARRAY_DY, args->dy, values->dy);
  if (args->second.ddx) cubn_load_tile(tile, CUBN_ARRAY_Z, args->second.ddx, values->ddx);
  return tile->samples * tile->group->width;
}

static void clear_absent(const cubn_job *job, cubn_double_tile *values) {
  if (!job->args->second.ddx) memset(values->ddx, 0, sizeof values->ddx);
}

static cubn_tile get_tile(const cubn_job *job, const cubn_group *group, int64_t first,
                          int64_t samples) {
  return (cubn_tile){job, group, first, cubn_min(samples, group->tile_samples)};
}

void cubn_sweep_double_sums(const cubn_job *job, const cubn_group *group, int64_t first,
                            int64_t count, const cubn_lanes *lanes, cubn_double_group_sums *sums) {
  cubn_double_tile values;
  cubn_double_lane_sums in_lanes;
  memset(&in_lanes, 0, sizeof in_lanes);
  clear_absent(job, &values);
  for (int64_t done = 0; done < count;) {
    const cubn_tile tile = get_tile(job, group, first + done, count - done);
    cubn_tile_double_sums(&values, load(&tile, &values), group->lanes, lanes, &in_lanes);
    done += tile.samples;
  }
  double *const from[CUBN_DOUBLE_SUMS] = {in_lanes.ddx,       in_lanes.dy,       in_lanes.ddx_dy,
                                          in_lanes.ddx_x_hat, in_lanes.dy_x_hat, in_lanes.centered};
  for (int i = 0; i < CUBN_DOUBLE_SUMS; ++i) {
    cubn_lanes_fold(from[i], group->width, group->lanes);
    memcpy(sums->of[i], from[i], (size_t)group->width * sizeof(double));
  }
}

void cubn_sweep_double_gradients(const cubn_job *job, const cubn_group *group, int64_t first,
                                 int64_t count, const cubn_lanes *lanes) {
  const cubn_args *const args = job->args;
  cubn_double_tile values;
  clear_absent(job, &values);
  for (int64_t done = 0; done < count;) {
    const cubn_tile tile = get_tile(job, group, first + done, count - done);
    cubn_tile_double_gradients(&values, load(&tile, &values), group->lanes, lanes);
    if (args->output) cubn_store_tile(&tile, CUBN_ARRAY_OUTPUT, values.x, args->output);
    if (args->second.ddy) cubn_store_tile(&tile, CUBN_ARRAY_DDY, values.dy, args->second.ddy);
    done += tile.samples;
  }
}

void cubn_double_sums_append(cubn_double_group_sums *sums, const cubn_double_group_sums *further,
                             int64_t width) {
  for (int i = 0; i < CUBN_DOUBLE_SUMS; ++i)
    for (int64_t j = 0; j < width; ++j) sums->of[i][j] += further->of[i][j];
}

void cubn_channels_begin_double(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes) {
  const cubn_plan *const plan = &job->plan;
  const cubn_args *const args = job->args;
  double *const ddx = lanes->second.ddx_pivot, *const dy = lanes->second.dy_pivot;
  job->type->load(args->dy, plan->patch(job->problem, group, CUBN_ARRAY_DY, 0, 1), dy);
  memset(ddx, 0, (size_t)group->width * sizeof *ddx);
  if (args->second.ddx)
    job->type->load(args->second.ddx, plan->patch(job->problem, group, CUBN_ARRAY_Z, 0, 1), ddx);
  cubn_lanes_spread(dy, group->width, group->lanes);
  cubn_lanes_spread(ddx, group->width, group->lanes);
}

static void set_factors(cubn_double_lanes *lanes, int64_t j, const cubn_double_factors *factors) {
  lanes->ddx_pivot[j] = factors->ddx_pivot;
  lanes->dy_pivot[j] = factors->dy_pivot;
  lanes->gx_ddx[j] = factors->gx_ddx;
  lanes->gx_dy[j] = factors->gx_dy;
  lanes->gx_x_hat[j] = factors->gx_x_hat;
  lanes->gx_shift[j] = factors->gx_shift;
  lanes->ddy_ddx[j] = factors->ddy_ddx;
  lanes->ddy_x_hat[j] = factors->ddy_x_hat;
  lanes->ddy_shift[j] = factors->ddy_shift;
}

void cubn_channels_finish_double(const cubn_job *job, const cubn_group *group,
                                 const cubn_double_group_sums *sums, cubn_lanes *lanes) {
  const cubn_problem *const problem = job->problem;
  const cubn_double_backward *const second = &job->args->second;
  const double m = (double)cubn_count(problem);
  const bool may_err = problem->has_saved && !problem->is_frozen && !job->args->mean_low;
  cubn_double_lanes *const of = &lanes->second;
  double scale[CUBN_WIDTH_MAX], ddscale[CUBN_WIDTH_MAX], ddbias[CUBN_WIDTH_MAX];
  double gscale[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, job->args->scale, 1, scale);
  cubn_load_param(job, group, second->ddscale, 0, ddscale);
  cubn_load_param(job, group, second->ddbias, 0, ddbias);
  for (int64_t j = 0; j < group->width; ++j) {
    const cubn_double_sums all = {sums->of[0][j], sums->of[1][j], sums->of[2][j],
                                  sums->of[3][j], sums->of[4][j], sums->of[5][j]};
    const cubn_double_channel channel = {m,         lanes->inv_std[j], scale[j],       ddscale[j],
                                         ddbias[j], of->ddx_pivot[j],  of->dy_pivot[j]};
    const cubn_double_factors factors =
        cubn_double_factors_of(&channel, &all, problem->is_frozen, &gscale[j]);
    if (may_err)
      lanes->mean_low[j] =
          cubn_saved_mean_error(job->param_type, lanes->mean_high[j], all.centered / m);
    set_factors(of, j, &factors);
  }
  if (second->gscale) cubn_store_param(job, group, gscale, second->gscale);
  double *const used[] = {lanes->mean_low, of->ddx_pivot, of->dy_pivot, of->gx_ddx,
                          of->gx_dy,       of->gx_x_hat,  of->gx_shift, of->ddy_ddx,
                          of->ddy_x_hat,   of->ddy_shift};
  for (size_t i = 0; i < sizeof used / sizeof *used; ++i)
    cubn_lanes_spread(used[i], group->width, group->lanes);
}
