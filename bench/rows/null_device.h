/* A handle whose calls compute nothing, to time the host's work before an algorithm runs. */
#ifndef CUBN_BENCH_NULL_DEVICE_H
#define CUBN_BENCH_NULL_DEVICE_H

#include "core/handle.h"

#define NULL_DEVICE_ALGOS_MAX 16

/* The backend of a handle, with algorithms that accept the same problems and compute nothing. */
typedef struct null_device {
  cubnHandle_t handle;
  const cubn_backend *real;
  cubn_backend backend;
  cubn_algo algos[CUBN_PASS_COUNT][NULL_DEVICE_ALGOS_MAX];
  const cubn_algo *tables[CUBN_PASS_COUNT][NULL_DEVICE_ALGOS_MAX + 1];
} null_device;

/* Until null_device_leave, calls on the handle are validated, collapsed and assigned to an
 * algorithm, and end there. `device` must not be moved in between. */
void null_device_enter(null_device *device, cubnHandle_t handle);
void null_device_leave(null_device *device);

/* On the CUDA emulator, omits launches. On a GPU this does nothing. */
void null_device_emulate(bool on);
/* Says whether launches are "omitted" or "enqueued". */
const char *null_device_launches(void);

#endif /* CUBN_BENCH_NULL_DEVICE_H */
