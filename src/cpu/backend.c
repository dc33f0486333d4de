/* The CPU backend: device, memory, and the tables of its algorithms. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"
#include "core/check.h"
#include "cpu/batches.h"
#include "cpu/common/algos.h"
#include "cpu/common/device.h"
#include "cpu/fold.h"
#include "cpu/grid/grid.h"
#include "cpu/widen.h"

enum { ALIGNMENT = 256, THREADS_MAX = 1024 };

_Static_assert(CUBN_CPU_WORKSPACE_BYTES % ALIGNMENT == 0 && CUBN_WORKER_BYTES % ALIGNMENT == 0 &&
                   CUBN_STAGE_BYTES % ALIGNMENT == 0 && CUBN_SPANS_BYTES % ALIGNMENT == 0,
               "aligned_alloc takes whole alignments");

/* Reads CUBN_THREADS; 0 if it is not set. */
static cubnStatus_t read_threads(int *threads) {
  const char *text = getenv("CUBN_THREADS");
  *threads = 0;
  if (text == NULL || *text == '\0') return CUBN_STATUS_SUCCESS;
  char *end;
  errno = 0;
  const long value = strtol(text, &end, 10);
  CUBN_REQUIRE(end != text && *end == '\0' && errno == 0 && value >= 1 && value <= THREADS_MAX,
               "cpu", "CUBN_THREADS is \"%s\", must be a number from 1 to %d", text, THREADS_MAX);
  *threads = (int)value;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_allocate(cubn_device *device, size_t bytes, void **pointer) {
  (void)device;
  *pointer = NULL;
  if (bytes == 0) return CUBN_STATUS_SUCCESS;
  if (bytes <= SIZE_MAX - ALIGNMENT)
    *pointer = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  if (*pointer == NULL)
    return cubn_fail(CUBN_STATUS_DEVICE_ALLOCATION_FAILED, "cpu",
                     "no memory for bytes = %zu on the CPU", bytes);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_release(cubn_device *device, void *pointer) {
  (void)device;
  free(pointer);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_open(int ordinal, cubn_device **device) {
  if (ordinal > 0)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cpu", "there is no CPU device %d", ordinal);
  int threads;
  cubn_machine machine;
  CUBN_TRY(read_threads(&threads));
  CUBN_TRY(cubn_machine_read(threads, &machine));
  /* Pages that nobody touches take no memory. */
  const size_t scratch_bytes = (size_t)machine.threads * CUBN_WORKER_BYTES;
  const size_t stage_bytes = (size_t)machine.threads * CUBN_STAGE_BYTES;
  cubn_device *opened = malloc(sizeof *opened);
  void *workspace = aligned_alloc(ALIGNMENT, CUBN_CPU_WORKSPACE_BYTES);
  char *worker_scratch = aligned_alloc(ALIGNMENT, scratch_bytes);
  char *stages = aligned_alloc(ALIGNMENT, stage_bytes);
  void *spans = aligned_alloc(ALIGNMENT, CUBN_SPANS_BYTES);
  cubn_pool *pool = cubn_pool_create(machine.threads, threads > 0);
  if (opened == NULL || workspace == NULL || worker_scratch == NULL || stages == NULL ||
      spans == NULL || pool == NULL) {
    cubn_pool_destroy(pool);
    free(opened);
    free(workspace);
    free(worker_scratch);
    free(stages);
    free(spans);
    return cubn_fail(
        CUBN_STATUS_HOST_ALLOCATION_FAILED, "cpu", "no memory for the CPU device (%zu bytes)",
        sizeof *opened + CUBN_CPU_WORKSPACE_BYTES + scratch_bytes + stage_bytes + CUBN_SPANS_BYTES);
  }
  *opened = (cubn_device){pool, workspace, machine, worker_scratch, stages, spans, NULL};
  *device = opened;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_close(cubn_device *device) {
  cubn_pool_destroy(device->pool);
  free(device->workspace);
  free(device->worker_scratch);
  free(device->stages);
  free(device->spans);
  free(device);
  return CUBN_STATUS_SUCCESS;
}

static int cpu_ordinal(const cubn_device *device) {
  (void)device;
  return 0;
}

static cubnStatus_t cpu_set_stream(cubn_device *device, cubnStream_t stream) {
  (void)device;
  CUBN_REQUIRE(stream == NULL, "cpu", "stream is %p, must be NULL on a CPU handle", (void *)stream);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_synchronize(cubn_device *device) {
  (void)device;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_query(cubn_device *device, bool *is_busy) {
  (void)device;
  *is_busy = false;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_workspace(cubn_device *device, void **memory, size_t *bytes) {
  *bytes = CUBN_CPU_WORKSPACE_BYTES;
  *memory = device->workspace;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_copy(cubn_device *device, void *to, const void *from, size_t bytes) {
  (void)device;
  if (bytes > 0) memcpy(to, from, bytes);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t cpu_fill(cubn_device *device, void *pointer, int value, size_t bytes) {
  (void)device;
  if (bytes > 0) memset(pointer, value, bytes);
  return CUBN_STATUS_SUCCESS;
}

/* The fast algorithms come first. The others accept more, and compute in double. */
static const cubn_algo *const algos[] = {&cubn_cpu_pipelined, &cubn_cpu_grid,    &cubn_cpu_rows,
                                         &cubn_cpu_columns,   &cubn_cpu_strided, NULL};
static const cubn_algo *const infer_algos[] = {&cubn_cpu_inference, &cubn_cpu_grid,
                                               &cubn_cpu_rows,      &cubn_cpu_columns,
                                               &cubn_cpu_strided,   NULL};
static const cubn_algo *const double_algos[] = {&cubn_cpu_rows, &cubn_cpu_columns,
                                                &cubn_cpu_strided, NULL};
static const cubn_algo *const int8_algos[] = {&cubn_cpu_int8, NULL};

const cubn_backend cubn_cpu_backend = {
    .name = "cpu",
    .type = CUBN_DEVICE_CPU,
    .open = cpu_open,
    .close = cpu_close,
    .ordinal = cpu_ordinal,
    .set_stream = cpu_set_stream,
    .synchronize = cpu_synchronize,
    .query = cpu_query,
    .workspace = cpu_workspace,
    .allocate = cpu_allocate,
    .release = cpu_release,
    .upload = cpu_copy,
    .download = cpu_copy,
    .fill = cpu_fill,
    .widen = cubn_cpu_widen,
    .fold_behind = cubn_cpu_fold_behind,
    .count_nonfinite = cubn_cpu_count_nonfinite,
    .algos = {algos, infer_algos, algos, double_algos},
    .int8_algos = int8_algos,
    .run_batches = cubn_cpu_run_batches,
};
