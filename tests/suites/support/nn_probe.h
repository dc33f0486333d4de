/* The example's layers: compares derivatives with finite differences of the same layer's forward
 * pass.
 *
 * With L = sum(r * y) for fixed random r, backward from dL/dy = r must give dL/dx and dL/dp.
 * Inputs, parameters and r are multiples of 1/64 and at most 1, so that a layer that is linear in
 * what changes computes L without any rounding: there the difference quotient is exact. All are,
 * except sigmoid and batch norm, whose bounds are derived where they are used. */
#ifndef CUBN_TESTS_NN_PROBE_H
#define CUBN_TESTS_NN_PROBE_H

#include "nn/network.h"

enum { BATCH = 3, VALUES_MAX = 512 };
/* A bound that allows only the quotient's own arithmetic, in double. */
static const double EXACT = 1e-12;

/* A layer under test, its inputs and the weights of L, on device and host. */
typedef struct nn_probe {
  nn_device device;
  nn_layer *layer;
  nn_array x, dx;
  float host[VALUES_MAX], weights[VALUES_MAX];
  nn_random random;
} nn_probe;

/* Returns false, and the test has nothing to do, if the layers were built without this device. */
bool nn_probe_open(nn_probe *p);
void nn_probe_close(nn_probe *p);
float nn_probe_value(nn_random *random);
/* Writes random values to the array, and to p->host. */
bool nn_probe_randomize(nn_probe *p, nn_array *array);
/* L, summed in double: exact if the layer is. */
double nn_probe_loss(nn_probe *p);
/* Compares some elements of a gradient; p->host holds the values of `array`. The quotient is exact
 * up to h^4 / 30 of the fifth derivative. */
void nn_probe_compare(nn_probe *p, nn_array *array, const nn_array *gradient, double bound,
                      const char *what);
/* Compares the gradients of p->layer, which is NULL if it was not created. Inputs are moved away
 * from 0 by `away`. */
void nn_probe_check(nn_probe *p, double bound, float away);

#endif /* CUBN_TESTS_NN_PROBE_H */
