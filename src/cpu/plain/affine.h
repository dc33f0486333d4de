/* Scale and bias of a group as they are applied: with those of batch renormalization,
 *     scale * r, bias + scale * d
 * rounded to parameters. */
#ifndef CUBN_CPU_PLAIN_AFFINE_H
#define CUBN_CPU_PLAIN_AFFINE_H

#include "cpu/plain/job.h"

typedef struct cubn_affine {
  double scale[CUBN_WIDTH_MAX], bias[CUBN_WIDTH_MAX];
} cubn_affine;

/* Loads scale and bias, in backward those with r and d. The bias is 0 where
 * nothing needs it. */
void cubn_load_affine(const cubn_job *job, const cubn_group *group, cubn_affine *params);

/* Training that renormalizes: writes r and d, and applies them. */
void cubn_compute_renormalization(const cubn_job *job, const cubn_group *group, const double *mean,
                                  const double *inv_std, cubn_affine *params);

/* From the sum of dy * x_hat to that of dy * (x_hat * r + d). */
void cubn_renormalize_dscale(const cubn_job *job, const cubn_group *group, const double *dbias,
                             double *dscale);

/* Backward from y: its mean is the bias, and its deviation is |scale|. */
void cubn_take_y(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes);
/* inv_std of the batch in dx: that of the lanes, or from y the saved one, loaded into `saved`. */
const double *cubn_dx_inv_std(const cubn_job *job, const cubn_group *group, const cubn_lanes *lanes,
                              double *saved);
/* Backward from y: from the sum of dy * x_hat, up to the sign of scale, to dscale. */
void cubn_sign_dscale(const cubn_job *job, const cubn_group *group, double *dscale);

#endif /* CUBN_CPU_PLAIN_AFFINE_H */
