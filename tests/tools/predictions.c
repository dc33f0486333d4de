/* make predictions: the table in bench/results/emulated-sm90/README.md. For each layer of ResNet-50
 * it states which algorithm the library chooses on an H100, as the emulator models one, and what is
 * expected of it. Nothing is computed or measured: the choice is that of the library, and the times
 * are arithmetic on the assumptions below. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/rows/suite_tables.h"
#include "core/handle.h"
#include "cuda/common/algos.h"
#include "emu/control.h"

enum { ROWS_MAX = 8, H100_SMS = 132 };

/* Assumptions. The copy rate is that which others measured on H100s. The shares are what the design
 * expects of each algorithm on tensors of 50 MB and more. A launch with its first and last block
 * costs the same whatever it moves. For cooperative, the bytes that it moves, and how often all its
 * blocks wait for each other while nothing moves, are its own estimates, which it makes when it
 * partitions a problem over blocks. */
static const double copy_bytes_per_us = 3.0e6, launch_us = 3.0, all_reduce_us = 4.0;
static const struct {
  const char *name;
  double share;                             /* share of the copy rate, on the bytes that it moves */
  double forward_tensors, backward_tensors; /* moved to and from memory */
  int launches;
  const char *limit;
} expectations[] = {
    {"resident", 0.90, 2, 3, 1, "memory"},
    {"cluster", 0.90, 2, 3, 1, "memory"},
    {"streamed", 0.85, 2, 3, 1, "memory, and waiting for units"},
    {"cooperative", 0.85, 0, 0, 1, "memory, and all-reduces of blocks"},
    {"two_pass", 0.90, 3, 5, 2, "memory, x is read twice"},
};

static const char *chosen;
static cubn_block_group_plan plan; /* if cooperative is chosen */

static cubnStatus_t note_choice(cubn_device *device, const cubn_problem *problem,
                                const cubn_args *args) {
  (void)args;
  plan = cubn_cooperative_plan(device, problem);
  return CUBN_STATUS_SUCCESS;
}

/* The backend of the handle, with rows that do nothing when they run. */
static cubn_backend backend_without_work(const cubn_backend *backend, cubn_algo (*rows)[ROWS_MAX],
                                         const cubn_algo *(*tables)[ROWS_MAX + 1]) {
  cubn_backend idle = *backend;
  for (int pass = 0; pass < CUBN_PASS_COUNT; ++pass) {
    for (int i = 0; backend->algos[pass][i] && i < ROWS_MAX; ++i) {
      rows[pass][i] = *backend->algos[pass][i];
      rows[pass][i].run = note_choice;
      tables[pass][i] = &rows[pass][i];
      tables[pass][i + 1] = NULL;
    }
    idle.algos[pass] = tables[pass];
  }
  return idle;
}

static void require(cubnStatus_t status) {
  char message[256];
  if (status == CUBN_STATUS_SUCCESS) return;
  cubnGetLastErrorString(message, sizeof message);
  fprintf(stderr, "predictions: %s\n", message);
  exit(EXIT_FAILURE);
}

/* An address of an array whose memory nobody reads; a terabyte from one to the next. */
static void *address(int array) {
  return (void *)(((uintptr_t)array << 40) + 4096);
}

/* Makes the call with such arrays. */
static void choose(cubnHandle_t handle, cubnTensorFormat_t format, int n, int c, int h, int w,
                   int backward) {
  cubnTensorDescriptor_t x, params;
  void *const tensor = address(0), *const scale = address(1), *const bias = address(2);
  const float one = 1, zero = 0;
  require(cubnCreateTensorDescriptor(&x));
  require(cubnCreateTensorDescriptor(&params));
  require(cubnSetTensor4dDescriptor(x, format, CUBN_DATA_HALF, n, c, h, w));
  require(cubnDeriveBNTensorDescriptor(params, x, CUBN_BATCHNORM_SPATIAL));
  if (backward)
    require(cubnBatchNormalizationBackward(handle, CUBN_BATCHNORM_SPATIAL, &one, &zero, &one, &zero,
                                           x, tensor, x, tensor, x, tensor, params, scale,
                                           address(3), address(4), 1e-5, address(5), address(6)));
  else
    require(cubnBatchNormalizationForwardTraining(
        handle, CUBN_BATCHNORM_SPATIAL, &one, &zero, x, tensor, x, tensor, params, scale, bias, 0.1,
        address(3), address(4), 1e-5, address(5), address(6)));
  chosen = handle->last_algo->name;
  require(cubnDestroyTensorDescriptor(x));
  require(cubnDestroyTensorDescriptor(params));
}

static void print_row(const char *layer, int count, const char *layout, int n, double x_bytes,
                      int backward) {
  size_t e = 0;
  while (e + 1 < sizeof expectations / sizeof expectations[0] &&
         strcmp(expectations[e].name, chosen))
    ++e;
  const double tensors =
      backward ? expectations[e].backward_tensors : expectations[e].forward_tensors;
  const double floor_us = (backward ? 3 : 2) * x_bytes / copy_bytes_per_us;
  const double moved = tensors > 0 ? tensors * x_bytes : (double)plan.moved_bytes;
  const double moving_us = moved / copy_bytes_per_us / expectations[e].share;
  const double waiting_us = tensors > 0 ? 0 : all_reduce_us * plan.all_reduces;
  const double us = moving_us + waiting_us + launch_us * expectations[e].launches;
  const char *const limit =
      launch_us * expectations[e].launches > moving_us ? "the launch" : expectations[e].limit;
  printf("| %s x%d | %d | %s | %s | %.1f | %s | %.0f %% | %s |\n", layer, count, n, layout,
         backward ? "backward" : "train", floor_us, chosen, 100 * floor_us / us, limit);
}

int main(void) {
  static cubn_algo rows[CUBN_PASS_COUNT][ROWS_MAX];
  static const cubn_algo *tables[CUBN_PASS_COUNT][ROWS_MAX + 1];
  static const int batches[] = {32, 256};
  cubnHandle_t handle;
  emu_set_device("sm90", H100_SMS);
  require(cubnCreateOnDevice(&handle, "cuda"));
  const cubn_backend *const backend = handle->backend;
  const cubn_backend idle = backend_without_work(backend, rows, tables);
  handle->backend = &idle;
  puts(
      "| layer, count | batch | layout | pass | floor, us | algorithm | predicted % of the "
      "floor's rate | "
      "limited by |\n| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const suite_layer *layer = bench_suite_tables[0].layers; layer->sizes; ++layer)
    for (int i = 0; i < 8; ++i) {
      int c = 0, h = 0, w = 0;
      const int n = batches[i / 4], nhwc = i / 2 % 2, backward = i % 2;
      if (sscanf(layer->sizes, "c%dh%dw%d", &c, &h, &w) != 3) return EXIT_FAILURE;
      choose(handle, nhwc ? CUBN_TENSOR_NHWC : CUBN_TENSOR_NCHW, n, c, h, w, backward);
      print_row(layer->sizes, layer->count, nhwc ? "nhwc" : "nchw", n, 2.0 * n * c * h * w,
                backward);
    }
  handle->backend = backend;
  require(cubnDestroy(handle));
  return EXIT_SUCCESS;
}
