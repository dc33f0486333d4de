/* A second training of the example, written from the formulas in double precision: DEPTH times
 * (product, batch norm or bias, sigmoid), then a product with bias. */
#ifndef CUBN_TESTS_NN_REFERENCE_H
#define CUBN_TESTS_NN_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { BATCH = 20, PIXELS = 16, WIDTH = 12, CLASSES = 10, DEPTH = 2 };

typedef struct nn_reference {
  bool batch_norm;
  double weights[DEPTH + 1][WIDTH * PIXELS], bias[DEPTH + 1][WIDTH], scale[DEPTH][WIDTH];
  double velocity[DEPTH + 1][WIDTH * PIXELS], bias_velocity[DEPTH + 1][WIDTH];
  double scale_velocity[DEPTH][WIDTH];
  /* Values of the batch: inputs of the layers, normalized values, their 1 / deviation,
   * gradients. */
  double in[DEPTH + 2][BATCH][PIXELS], hat[DEPTH][BATCH][WIDTH], inv_std[DEPTH][WIDTH];
  double gradient[BATCH][PIXELS];
} nn_reference;

/* Returns the mean loss; leaves its gradient with respect to the logits. */
double nn_reference_forward(nn_reference *r, const int32_t *labels);
/* Updates weights, scales and biases. */
void nn_reference_backward(nn_reference *r, double rate, double momentum);

#endif /* CUBN_TESTS_NN_REFERENCE_H */
