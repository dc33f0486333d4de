/* The state of cuDNN as a peer. peer_cudnn.c prepares and checks it, peer_cudnn_call.c calls it. */
#ifndef CUBN_BENCH_PEER_CUDNN_H
#define CUBN_BENCH_PEER_CUDNN_H

#include "peers/peer.h"
#include "peers/peer_cudnn_api.h"

typedef struct cudnn_peer cudnn_peer;

typedef struct cudnn_variant {
  cudnn_peer *peer;
  int mode;
  bool is_apart; /* fused problems: addition and activation are separate calls */
  cubnBuffer_t workspace_buffer, reserve_buffer;
  void *workspace, *reserve;
  size_t workspace_bytes, reserve_bytes;
} cudnn_variant;

struct cudnn_peer {
  bench_peer base;
  cudnn_api api;
  void *handle;
  cubnHandle_t cubn;
  /* The problem that is prepared. */
  bench_case *bench;
  void *tensors[LINE_TENSORS], *params, *activation;
  cubnBuffer_t buffers[DATA_ARRAYS]; /* the outputs */
  void *pointers[DATA_ARRAYS];       /* outputs in `buffers`, inputs in the case's run_context */
  /* Fused backward: y of cuDNN's own forward call, and the gradient of the pre-activation for
   * problems without dz. */
  cubnBuffer_t y_buffer, dp_buffer;
  void *y, *dp;
  cudnn_variant variants[BENCH_VARIANTS_MAX];
};

/* alpha or beta: a double for tensors of double, else a float. */
typedef union cudnn_scalar {
  float as_float;
  double as_double;
} cudnn_scalar;
cudnn_scalar cudnn_make_scalar(const line_problem *problem, double value);

/* The epilogue of a forward call as separate calls, in place on the y of the normalization. */
int cudnn_call_epilogue(cudnn_peer *peer, void *y);
/* The same for backward, before the normalization: *dp is set to the gradient of the
 * pre-activation. */
int cudnn_call_epilogue_backward(cudnn_peer *peer, void **dp);

/* Calls the operation of the problem that is prepared. Returns cuDNN's status. */
int cudnn_call(cudnn_variant *variant);
/* Forward training whose only results are the reserve space and, for fused problems, peer->y. */
int cudnn_call_forward(cudnn_variant *variant);
/* Sets the variant's bytes of workspace and reserve space. */
int cudnn_query_sizes(cudnn_variant *variant);
/* Sets the descriptors to the problem. NULL, or what was refused. */
const char *cudnn_describe(cudnn_peer *peer);

#endif /* CUBN_BENCH_PEER_CUDNN_H */
