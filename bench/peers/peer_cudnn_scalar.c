/* Scalars in the type that cuDNN reads. */
#include "peers/peer_cudnn.h"

cudnn_scalar cudnn_make_scalar(const line_problem *problem, double value) {
  cudnn_scalar result;
  if (problem->type == CUBN_DATA_DOUBLE)
    result.as_double = value;
  else
    result.as_float = (float)value;
  return result;
}
