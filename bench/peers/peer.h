/* Other libraries that are timed in the same loop. On a CPU each is in a process of its own
 * (peer_process.h), which opens it with bench_peer_open_onednn. */
#ifndef CUBN_BENCH_PEER_H
#define CUBN_BENCH_PEER_H

#include "measure/measure.h"

#define BENCH_VARIANTS_MAX 4
#define BENCH_REASON_BYTES 320

typedef struct bench_peer bench_peer;

struct bench_peer {
  char name[16];
  char version[64];
  /* Fills entries for the variants that may run the problem, at most BENCH_VARIANTS_MAX, and checks
   * their results. Variants that refuse the problem have a note. Returns the number of entries. */
  int (*prepare)(bench_peer *peer, bench_case *bench, bench_entry entries[BENCH_VARIANTS_MAX]);
  void (*release)(bench_peer *peer); /* frees what prepare() made */
  void (*close)(bench_peer *peer);
};

/* cuDNN, loaded at run time: from `path` (a file or a folder), else CUDNN_LIB, else as the dynamic
 * linker finds it, else from CUDA_HOME. NULL if it cannot be used: `reason` says why, or, if
 * `handle` is NULL, which library was found and that its symbols are complete. */
bench_peer *bench_peer_open_cudnn(cubnHandle_t handle, const char *path, char *reason,
                                  size_t reason_bytes);

/* oneDNN 3 on this CPU, loaded at run time: from `path` (a file or a folder), else ONEDNN_LIB, else
 * as the dynamic linker finds it. `reason` says what was found, or, with NULL, why it cannot be
 * used. */
bench_peer *bench_peer_open_onednn(const char *path, char *reason, size_t reason_bytes);

#endif /* CUBN_BENCH_PEER_H */
