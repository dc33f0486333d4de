/* The state of oneDNN as a peer. peer_onednn.c prepares and checks it, peer_onednn_call.c makes and
 * executes its primitives. */
#ifndef CUBN_BENCH_PEER_ONEDNN_H
#define CUBN_BENCH_PEER_ONEDNN_H

#include "peers/peer.h"
#include "peers/peer_onednn_api.h"

typedef struct onednn_peer onednn_peer;

/* Layouts: that of the problem, and oneDNN's own for NCHW, to which a user would have to
 * convert. */
enum { ONEDNN_PLAIN, ONEDNN_BLOCKED, ONEDNN_VARIANTS };

/* Memory objects of a variant. */
enum {
  ONEDNN_X,
  ONEDNN_OUTPUT,
  ONEDNN_DY,
  ONEDNN_MEAN,
  ONEDNN_VAR,
  ONEDNN_PARAM_SCALE,
  ONEDNN_PARAM_BIAS,
  ONEDNN_DSCALE,
  ONEDNN_DBIAS,
  ONEDNN_Z,         /* z, or dz */
  ONEDNN_WORKSPACE, /* what a fused forward call leaves for backward */
  ONEDNN_Y,         /* output of the forward call that fills the workspace of backward */
  ONEDNN_MEMORIES
};

typedef struct onednn_variant {
  onednn_peer *peer;
  int layout;
  void *primitive;
  void *memory[ONEDNN_MEMORIES];
  void *owned[ONEDNN_MEMORIES]; /* their storage, where the peer has allocated it */
  onednn_arg args[ONEDNN_MEMORIES];
  int arg_count;
} onednn_variant;

struct onednn_peer {
  bench_peer base;
  onednn_api api;
  void *engine, *stream;
  /* The problem that is prepared. */
  bench_case *bench;
  onednn_variant variants[ONEDNN_VARIANTS];
};

/* Makes memory and primitive for the problem. NULL, or what was refused. `name` is set to the name
 * of the implementation that oneDNN chose. */
const char *onednn_build(onednn_variant *variant, char *name, size_t name_bytes);
void onednn_destroy(onednn_variant *variant);
bool onednn_call(onednn_variant *variant);
/* Converts the output to the layout of the problem. */
bool onednn_get_output(onednn_variant *variant, void *to);

#endif /* CUBN_BENCH_PEER_ONEDNN_H */
