#include "fuzz/handles.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"

static const char *const algos[FUZZ_ALGOS] = {"",     "pipelined", "grid",   "inference",
                                              "rows", "columns",   "strided"};
static const char *const targets[FUZZ_TARGETS] = {"", "generic"};

cubnHandle_t fuzz_handle(int algo, int target, int threads) {
  static cubnHandle_t handles[FUZZ_ALGOS][FUZZ_TARGETS][2];
  cubnHandle_t *const handle = &handles[algo][target][threads > 1];
  if (*handle) return *handle;
  setenv("CUBN_ALGO", algos[algo], 1);
  setenv("CUBN_CPU_TARGET", targets[target], 1);
  setenv("CUBN_THREADS", threads > 1 ? "3" : "1", 1);
  char message[512];
  if (cubnCreateOnDevice(handle, "cpu") != CUBN_STATUS_SUCCESS) {
    cubnGetLastErrorString(message, sizeof message);
    fuzz_fail("no handle: %s", message);
  }
  unsetenv("CUBN_ALGO");
  unsetenv("CUBN_CPU_TARGET");
  unsetenv("CUBN_THREADS");
  return *handle;
}
