/* Addition and activation, on a tile. */
#include "core/inverse.h"
#include "cpu/common/mask_tiles.h"
#include "cpu/plain/job.h"

static void store_mask(const cubn_tile *tile, const uint64_t *passes) {
  const cubn_job *job = tile->job;
  cubn_patches patches = {tile, CUBN_ARRAY_PLACE, 0};
  cubn_patch patch;
  for (; cubn_next_patch(&patches, &patch); passes += patch.rows * patch.count)
    cubn_mask_store(&job->problem->mask, patch, passes, job->args->reserve);
}

static void load_mask(const cubn_tile *tile, uint64_t *passes) {
  const cubn_job *job = tile->job;
  cubn_patches patches = {tile, CUBN_ARRAY_PLACE, 0};
  cubn_patch patch;
  for (; cubn_next_patch(&patches, &patch); passes += patch.rows * patch.count)
    cubn_mask_load(&job->problem->mask, patch, job->args->reserve, passes);
}

void cubn_tile_epilogue_forward(const cubn_tile *tile, double *p) {
  const cubn_job *job = tile->job;
  const int64_t values = tile->samples * tile->group->width;
  if (job->problem->adds) {
    double z[CUBN_TILE_VALUES];
    cubn_load_tile(tile, CUBN_ARRAY_Z, job->args->z, z);
    cubn_tile_blend(p, z, values, 1);
  }
  if (job->problem->reserve == CUBN_RESERVE_MASK) {
    uint64_t passes[CUBN_TILE_VALUES];
    cubn_tile_decide(&job->activator, p, values, passes);
    store_mask(tile, passes);
  } else if (job->problem->reserve == CUBN_RESERVE_INPUT) {
    cubn_store_tile(tile, CUBN_ARRAY_PLACE, p, job->args->reserve);
  }
  cubn_tile_activate(&job->activator, p, values, job->args->alpha);
}

/* The pre-activation: as forward left it, or computed again. */
static void get_preact(const cubn_tile *tile, const cubn_lanes *lanes, const double *x, double *p) {
  if (tile->job->problem->reserve == CUBN_RESERVE_INPUT)
    cubn_load_tile(tile, CUBN_ARRAY_PLACE, tile->job->args->reserve, p);
  else
    cubn_tile_preact(x, p, tile->samples * tile->group->width, tile->group->lanes, lanes);
}

void cubn_tile_epilogue_backward(const cubn_tile *tile, const cubn_lanes *lanes, const double *x,
                                 double *dy) {
  const cubn_job *job = tile->job;
  const int64_t values = tile->samples * tile->group->width;
  double p[CUBN_TILE_VALUES];
  if (job->activator.selects) {
    uint64_t passes[CUBN_TILE_VALUES];
    if (job->problem->reserve == CUBN_RESERVE_MASK) {
      load_mask(tile, passes);
    } else {
      get_preact(tile, lanes, x, p);
      cubn_tile_decide(&job->activator, p, values, passes);
    }
    cubn_tile_select_gradient(&job->activator, dy, values, passes);
    /* 0 and dy need no rounding. */
    if (job->activator.options.mode != CUBN_ACTIVATION_LEAKY_RELU) return;
  } else {
    get_preact(tile, lanes, x, p);
    cubn_tile_multiply_slope(&job->activator, dy, values, p);
  }
  job->type->round(dy, values);
}

void cubn_tile_epilogue_from_y(const cubn_tile *tile, double *x, double *dy) {
  const cubn_problem *problem = tile->job->problem;
  const cubn_inverse inverse = cubn_inverse_of(&problem->activation, problem->type);
  const int64_t values = tile->samples * tile->group->width;
  for (int64_t i = 0; i < values; ++i) {
    dy[i] *= cubn_inverse_slope(&inverse, x[i]);
    x[i] = cubn_inverse_value(&inverse, x[i]);
  }
  tile->job->type->round(dy, values);
}
