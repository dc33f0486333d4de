/* Collapses the dimensions of a call to the axes and the layout of a problem. */
#ifndef CUBN_HOST_AXES_H
#define CUBN_HOST_AXES_H

#include "core/backend.h"

/* Fills layout, n, c, s, channels and samples of a problem whose pass, mode and descriptors are set
 * and checked. */
void cubn_collapse(cubn_problem *problem);

/* Fills mask of a collapsed problem, from x and the mode alone. Returns its bytes. */
int64_t cubn_mask_layout(cubn_problem *problem);

#endif /* CUBN_HOST_AXES_H */
