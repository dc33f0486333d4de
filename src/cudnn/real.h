/* The real cuDNN: its functions by number. */
#ifndef CUBN_CUDNN_REAL_H
#define CUBN_CUDNN_REAL_H

#include <stdbool.h>

#include "cudnn/cudnn_api.h"

/* First those that are taken over, in the order in which they are reported. */
typedef enum cudnn_function {
  CUDNN_FORWARD_TRAINING,
  CUDNN_FORWARD_TRAINING_EX,
  CUDNN_FORWARD_INFERENCE,
  CUDNN_BACKWARD,
  CUDNN_BACKWARD_EX,
  CUDNN_FORWARD_WORKSPACE,
  CUDNN_BACKWARD_WORKSPACE,
  CUDNN_RESERVE_SPACE,
  CUDNN_NORM_FORWARD_TRAINING,
  CUDNN_NORM_FORWARD_INFERENCE,
  CUDNN_NORM_BACKWARD,
  CUDNN_NORM_FORWARD_WORKSPACE,
  CUDNN_NORM_BACKWARD_WORKSPACE,
  CUDNN_NORM_RESERVE_SPACE,
  CUDNN_TAKEN_COUNT,

  CUDNN_DESTROY = CUDNN_TAKEN_COUNT,
  CUDNN_GET_STREAM,
  CUDNN_GET_TENSOR,
  CUDNN_GET_ACTIVATION,
  CUDNN_GET_SWISH_BETA,
  CUDNN_FUNCTION_COUNT
} cudnn_function;

const char *cudnn_function_name(cudnn_function function);

/* The real function, or NULL if no loaded library has it. What was found is kept, and its library
 * stays loaded. */
void *cudnn_real(cudnn_function function);

/* Whether this library itself defines the symbol, as it does where it stands in for libcudnn.so.9
 * (scripts/cudnn_facade.sh). */
bool cudnn_is_own(void *symbol);

/* Whether a library of cuDNN is loaded. */
bool cudnn_is_loaded(void);

/* The real function `name`, which is number `function`, with its type; may be NULL. */
#define CUDNN_REAL(function, name) ((__typeof__(&(name)))cudnn_real(function))

#endif /* CUBN_CUDNN_REAL_H */
