/* The state of cuDNN as a peer. peer_cudnn.c prepares and checks it, peer_cudnn_call.c calls it. */
#ifndef CUBN_BENCH_PEER_CUDNN_H
#define CUBN_BENCH_PEER_CUDNN_H

#include "peer.h"
#include "peer_cudnn_api.h"

typedef struct cudnn_peer cudnn_peer;

typedef struct cudnn_variant {
  cudnn_peer *peer;
  int mode;
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
  void *tensors[LINE_TENSORS], *params;
  cubnBuffer_t buffers[DATA_ARRAYS]; /* the outputs */
  void *pointers[DATA_ARRAYS];       /* outputs here, inputs in the case's run_context */
  cudnn_variant variants[BENCH_VARIANTS_MAX];
};

/* Calls the operation of the problem that is prepared. Returns cuDNN's status. */
int cudnn_call(cudnn_variant *variant);
/* Forward training that leaves only the reserve space and y behind. */
int cudnn_call_forward(cudnn_variant *variant);
/* Asks for the bytes of workspace and reserve space. */
int cudnn_query_sizes(cudnn_variant *variant);
/* Sets the descriptors to the problem. NULL, or what was refused. */
const char *cudnn_describe(cudnn_peer *peer);

#endif /* CUBN_BENCH_PEER_CUDNN_H */
