/* A handle whose calls do nothing: to time what the host does in front of them. */
#ifndef CUBN_BENCH_NULL_DEVICE_H
#define CUBN_BENCH_NULL_DEVICE_H

#include "core/handle.h"

#define NULL_DEVICE_ALGOS_MAX 16

/* The backend of a handle with algorithms that accept what they accept, and then compute nothing.
 */
typedef struct null_device {
  cubnHandle_t handle;
  const cubn_backend *real;
  cubn_backend backend;
  cubn_algo algos[CUBN_PASS_COUNT][NULL_DEVICE_ALGOS_MAX];
  const cubn_algo *tables[CUBN_PASS_COUNT][NULL_DEVICE_ALGOS_MAX + 1];
} null_device;

/* Until null_device_leave, calls on the handle are validated, collapsed and given to an algorithm,
 * and end there. `device` must stay where it is meanwhile. */
void null_device_enter(null_device *device, cubnHandle_t handle);
void null_device_leave(null_device *device);

/* Calls of a CUDA emulator: launches are left out too. Nothing where there is a GPU. */
void null_device_emulate(bool on);
/* "launches left out", or "launches enqueued". */
const char *null_device_launches(void);

#endif /* CUBN_BENCH_NULL_DEVICE_H */
