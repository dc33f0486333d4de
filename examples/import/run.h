/* Normalizes a fixed input with imported layers, to show that it works. */
#ifndef IMPORT_RUN_H
#define IMPORT_RUN_H

#include "import/norms.h"
#include "nn/device.h"

enum { IMPORT_SIDE = 2, IMPORT_PIXELS = IMPORT_SIDE * IMPORT_SIDE };

/* The variance with which 1 / sqrt(variance + *epsilon) is 1 / root of the layer; `variance` has
 * its channels. cubn's epsilon is inside the root. */
void import_variance(const import_norm *norm, float *variance, double *epsilon);

/* Pixel i of channel c of the input: 4 * sin(7 * c + i), rounded to float. */
float import_input(int64_t channel, int pixel);

/* One image, NCHW, of IMPORT_SIDE x IMPORT_SIDE pixels: y has IMPORT_PIXELS values per channel. */
bool import_normalize(nn_device *device, const import_norm *norm, float *y);

/* Prints the layers, and for each how its output begins; writes all values of the outputs to the
 * file `csv`, if that is not NULL. */
bool import_run(nn_device *device, const import_norms *norms, const char *csv);

#endif /* IMPORT_RUN_H */
