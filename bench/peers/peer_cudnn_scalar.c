/* Scalars as cuDNN wants them. */
#include "peers/peer_cudnn.h"

cudnn_scalar cudnn_make_scalar(const line_problem *problem, double value) {
  cudnn_scalar result;
  if (problem->type == CUBN_DATA_DOUBLE)
    result.wide = value;
  else
    result.single = (float)value;
  return result;
}
