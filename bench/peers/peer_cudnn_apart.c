/* Addition and activation as separate calls of cuDNN, for problems and modes that its fused
 * normalization refuses. */
#include "peers/peer_cudnn.h"

int cudnn_call_epilogue(cudnn_peer *peer, void *y) {
  const line_problem *problem = &peer->bench->problem;
  void *y_desc = peer->tensors[LINE_OUTPUT];
  const cudnn_scalar one = cudnn_make_scalar(problem, 1), zero = cudnn_make_scalar(problem, 0);
  if (problem->adds) {
    const int status = peer->api.add(peer->handle, &one, peer->tensors[LINE_Z],
                                     peer->pointers[DATA_Z], &one, y_desc, y);
    if (status) return status;
  }
  return peer->api.activate(peer->handle, peer->activation, &one, y_desc, y, &zero, y_desc, y);
}

int cudnn_call_epilogue_backward(cudnn_peer *peer, void **dp) {
  const line_problem *problem = &peer->bench->problem;
  const bool has_dz = line_has_dz(problem);
  const cudnn_scalar one = cudnn_make_scalar(problem, 1), zero = cudnn_make_scalar(problem, 0);
  void *y_desc = peer->tensors[LINE_OUTPUT], *dy_desc = peer->tensors[LINE_DY];
  *dp = has_dz ? peer->pointers[DATA_DZ] : peer->dp;
  /* ReLU passes the gradient where y > 0: y stands for its input too. */
  return peer->api.activate_backward(peer->handle, peer->activation, &one, y_desc, peer->y, dy_desc,
                                     peer->pointers[DATA_DY], y_desc, peer->y, &zero, dy_desc, *dp);
}
