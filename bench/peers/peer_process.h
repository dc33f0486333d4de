/* Libraries that are timed on a CPU in processes of their own. */
#ifndef CUBN_BENCH_PEER_PROCESS_H
#define CUBN_BENCH_PEER_PROCESS_H

#include "peers/peer.h"

/* What the processes are told. */
typedef struct bench_peer_setting {
  const char *onednn; /* file or folder, or NULL: ONEDNN_LIB, .deps/onednn, or the linker's */
  const char *torch;  /* a Python that has PyTorch, or NULL: TORCH_PYTHON, .deps/torch, or PATH */
  const char *algo;   /* forced, or NULL */
  int64_t verify_elements;
  bool warm;
} bench_peer_setting;

/* cubn, or the implementation "cubn_1": cubn on one thread. The three return NULL if the library
 * cannot be used; `reason` then says why, and else what was found. */
bench_peer *bench_peer_open_cubn(const bench_peer_setting *setting, bool on_one_thread,
                                 char *reason, size_t reason_bytes);
bench_peer *bench_peer_open_onednn_process(const bench_peer_setting *setting, char *reason,
                                           size_t reason_bytes);
bench_peer *bench_peer_open_torch(const bench_peer_setting *setting, char *reason,
                                  size_t reason_bytes);

#endif /* CUBN_BENCH_PEER_PROCESS_H */
