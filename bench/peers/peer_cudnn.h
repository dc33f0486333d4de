/* The state of cuDNN as a peer. peer_cudnn.c prepares and checks it, peer_cudnn_call.c calls it. */
#ifndef CUBN_BENCH_PEER_CUDNN_H
#define CUBN_BENCH_PEER_CUDNN_H

#include "peers/peer.h"
#include "peers/peer_cudnn_api.h"

typedef struct cudnn_peer cudnn_peer;

typedef struct cudnn_variant {
  cudnn_peer *peer;
  int mode;
  bool is_apart; /* fused problems: addition and activation are calls of their own */
  cubnBuffer_t workspace_buffer, reserve_buffer;
  void *workspace, *reserve;
  size_t workspace_bytes, reserve_bytes;
} cudnn_variant;

struct cudnn_peer {
  bench_peer base;
  cudnn_api api;
  void *handle;
  cubnHandle_t cubn;
  /* Of the problem that is prepared. */
  bench_case *bench;
  void *tensors[LINE_TENSORS], *params, *activation;
  cubnBuffer_t buffers[DATA_ARRAYS]; /* the outputs */
  void *pointers[DATA_ARRAYS];       /* outputs here, inputs in the case's run_context */
  /* Fused, backward: y of cuDNN's own forward call, and the gradient in front of the activation
   * where nobody asks for dz. */
  cubnBuffer_t y_buffer, dp_buffer;
  void *y, *dp;
  cudnn_variant variants[BENCH_VARIANTS_MAX];
};

/* alpha or beta: a double for double tensors, else a float. */
typedef union cudnn_scalar {
  float single;
  double wide;
} cudnn_scalar;
cudnn_scalar cudnn_make_scalar(const line_problem *problem, double value);

/* What follows the normalization, on a y that it has left behind, as calls of their own; and what
 * precedes it in backward: *dp becomes where the gradient in front of the activation lies. */
int cudnn_call_behind(cudnn_peer *peer, void *y);
int cudnn_call_before(cudnn_peer *peer, void **dp);

/* Calls the operation of the problem that is prepared. Returns cuDNN's status. */
int cudnn_call(cudnn_variant *variant);
/* Forward training that leaves only the reserve space behind, and for fused problems peer->y. */
int cudnn_call_forward(cudnn_variant *variant);
/* Asks for the bytes of workspace and reserve space. */
int cudnn_query_sizes(cudnn_variant *variant);
/* Sets the descriptors to the problem. NULL, or what was refused. */
const char *cudnn_describe(cudnn_peer *peer);

#endif /* CUBN_BENCH_PEER_CUDNN_H */
