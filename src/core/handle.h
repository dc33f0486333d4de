/* What a handle holds. Tests and the benchmark use it to force an algorithm and to ask which one
 * ran. */
#ifndef CUBN_CORE_HANDLE_H
#define CUBN_CORE_HANDLE_H

#include "core/backend.h"
#include "core/object.h"

#define CUBN_ALGO_NAME_MAX 32

struct cubnContext {
  cubn_object object;
  const cubn_backend *backend;
  cubn_device *device;
  cubnStream_t stream;
  char forced_algo[CUBN_ALGO_NAME_MAX]; /* CUBN_ALGO, or empty; ignored where it refuses */
  const cubn_algo *last_algo;           /* of the last operation that computed anything, or NULL */
  bool has_ranges;                      /* a tool shows NVTX ranges */
  int64_t buffers;                      /* alive */
  struct cubn_exchange *exchanges;      /* those that gather in device memory */
};

#endif /* CUBN_CORE_HANDLE_H */
