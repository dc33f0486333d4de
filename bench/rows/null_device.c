#include "rows/null_device.h"

#ifdef CUBN_BENCH_EMULATED
#include "emu/control.h"
#endif

static cubnStatus_t run_nothing(cubn_device *device, const cubn_problem *problem,
                                const cubn_args *args) {
  (void)device;
  (void)problem;
  (void)args;
  return CUBN_STATUS_SUCCESS;
}

void null_device_enter(null_device *device, cubnHandle_t handle) {
  *device = (null_device){.handle = handle, .real = handle->backend, .backend = *handle->backend};
  for (int pass = 0; pass < CUBN_PASS_COUNT; ++pass) {
    const cubn_algo *const *table = device->real->algos[pass];
    for (int i = 0; i < NULL_DEVICE_ALGOS_MAX && table[i]; ++i) {
      device->algos[pass][i] = *table[i];
      device->algos[pass][i].run = run_nothing;
      device->tables[pass][i] = &device->algos[pass][i];
    }
    device->backend.algos[pass] = device->tables[pass];
  }
  handle->backend = &device->backend;
}

void null_device_leave(null_device *device) {
  device->handle->backend = device->real;
  device->handle->last_algo = NULL; /* it may be an element of device->algos */
}

void null_device_emulate(bool on) {
#ifdef CUBN_BENCH_EMULATED
  emu_set_null_device(on);
#else
  (void)on;
#endif
}

const char *null_device_launches(void) {
#ifdef CUBN_BENCH_EMULATED
  return "omitted";
#else
  return "enqueued";
#endif
}
