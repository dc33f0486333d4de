/* Valid calls of the extended interface, whose tensors a test can spoil. */
#ifndef CUBN_TESTS_EXTENDED_CALL_H
#define CUBN_TESTS_EXTENDED_CALL_H

#include "kit/run_line.h"

/* The calls, numbered. */
enum { TRAIN, STATISTICS, GIVEN, GIVEN_INV_STD, BACKWARD, RELU_BACKWARD, FROZEN, SUMS, CALLS };

typedef struct extended_call {
  data_set before, after;
  run_context run;
  cubnBatchNormTensors_t valid;
} extended_call;

/* Opens the call of this number; returns false, with a failed check, if that is impossible. */
bool extended_open(extended_call *f, int which);
/* Checks that the calls in between wrote nothing and that the valid call succeeds, which makes the
 * refusals meaningful; then releases everything. */
void extended_close(extended_call *f);

/* The name of the function of the call. */
const char *extended_function(const extended_call *f);
cubnStatus_t extended_make(const extended_call *f, cubnHandle_t handle,
                           cubnBatchNormDescriptor_t descriptor, const cubnBatchNormTensors_t *t);
/* Makes the call with these tensors and expects BAD_PARAM for this argument and value. */
void extended_refuse(const extended_call *f, const cubnBatchNormTensors_t *spoiled,
                     const char *argument, const char *value);

#endif /* CUBN_TESTS_EXTENDED_CALL_H */
