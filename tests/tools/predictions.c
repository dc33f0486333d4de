/* make predictions: the table in bench/results/emulated-sm90/README.md. For each layer of ResNet-50
 * it states which algorithm the library chooses on an H100, as the emulator models one, what that
 * is expected to take, and what limits it. Nothing is measured: choice, launches and grids are
 * those of the library, the numbers of the kernels' loops those of their machine code
 * (scripts/sass_limits.txt, the argument), and performance_model.c has the rest. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/rows/suite_tables.h"
#include "core/handle.h"
#include "cuda/common/algos.h"
#include "emu/control.h"
#include "performance_model.h"

enum { ROWS_MAX = 8 };

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
static void choose(cubnHandle_t handle, cubnTensorFormat_t format, cubnDataType_t type, int n,
                   int c, int h, int w, int backward) {
  cubnTensorDescriptor_t x, params;
  void *const tensor = address(0), *const scale = address(1), *const bias = address(2);
  const float one = 1, zero = 0;
  require(cubnCreateTensorDescriptor(&x));
  require(cubnCreateTensorDescriptor(&params));
  require(cubnSetTensor4dDescriptor(x, format, type, n, c, h, w));
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

/* Bytes of x in a task of streamed: STREAMED_TASK_BYTES in tuning.h. */
static const double task_bytes = 32 << 10;

/* The time of the launches of the last call, and the part that takes most of it. */
static double predict(int columns, double elements, double element_bytes, int backward, int *most) {
  double parts[MODEL_PARTS] = {0}, total = 0;
  emu_launch_counts counts;
  for (unsigned i = 0; emu_get_launch(i, &counts); ++i) {
    model_launch launch = {.blocks = counts.grid[0],
                           .shared_bytes = (double)counts.dynamic_shared_bytes,
                           .columns = columns,
                           .elements = elements,
                           .element_bytes = element_bytes,
                           .inputs = backward ? 2 : 1};
    if (!strcmp(chosen, "streamed")) launch.blocks = elements * element_bytes / task_bytes;
    if (!strcmp(chosen, "cooperative")) {
      launch.memory_bytes = (double)plan.moved_bytes;
      launch.all_reduces = plan.all_reduces;
    }
    model_shorten(counts.kernel, launch.kernel, sizeof launch.kernel);
    if (!model_add(&launch, i ? launch.inputs * elements * element_bytes : 0, parts))
      exit(EXIT_FAILURE);
  }
  *most = 0;
  for (int i = 0; i < MODEL_PARTS; ++i) {
    total += parts[i];
    if (parts[i] > parts[*most]) *most = i;
  }
  return total;
}

/* The cells of a type: floor, algorithm, share of the floor's rate, what limits. */
static void print_cells(int columns, double elements, double element_bytes, int backward) {
  int most;
  const double floor_us = (backward ? 3 : 2) * elements * element_bytes / MODEL_COPY_BYTES_PER_US;
  const double us = predict(columns, elements, element_bytes, backward, &most);
  printf(" %.1f | %s | %.0f %% | %s |", floor_us, chosen, 100 * floor_us / us,
         model_part_names[most]);
}

int main(int count, char **arguments) {
  static cubn_algo rows[CUBN_PASS_COUNT][ROWS_MAX];
  static const cubn_algo *tables[CUBN_PASS_COUNT][ROWS_MAX + 1];
  static const int batches[] = {32, 256};
  static const cubnDataType_t types[] = {CUBN_DATA_HALF, CUBN_DATA_FLOAT};
  cubnHandle_t handle;
  if (count != 2 || !model_read(arguments[1])) {
    fputs("predictions: the argument is not scripts/sass_limits.txt\n", stderr);
    return EXIT_FAILURE;
  }
  emu_set_device("sm90", MODEL_SMS);
  emu_set_dry_launches(1);
  require(cubnCreateOnDevice(&handle, "cuda"));
  const cubn_backend *const backend = handle->backend;
  const cubn_backend idle = backend_without_work(backend, rows, tables);
  puts(
      "| layer, count | batch | layout | pass | f16: floor, us | algorithm | predicted % of the "
      "floor's rate | most time | f32: floor, us | algorithm | predicted % | most time |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const suite_layer *layer = bench_suite_tables[0].layers; layer->sizes; ++layer)
    for (int i = 0; i < 8; ++i) {
      int c = 0, h = 0, w = 0;
      const int n = batches[i / 4], nhwc = i / 2 % 2, backward = i % 2;
      if (sscanf(layer->sizes, "c%dh%dw%d", &c, &h, &w) != 3) return EXIT_FAILURE;
      printf("| %s x%d | %d | %s | %s |", layer->sizes, layer->count, n, nhwc ? "nhwc" : "nchw",
             backward ? "backward" : "train");
      for (int t = 0; t < 2; ++t) {
        const cubnTensorFormat_t format = nhwc ? CUBN_TENSOR_NHWC : CUBN_TENSOR_NCHW;
        handle->backend = &idle; /* Notes the plan. */
        choose(handle, format, types[t], n, c, h, w, backward);
        handle->backend = backend; /* Launches. */
        emu_reset_launches();
        choose(handle, format, types[t], n, c, h, w, backward);
        print_cells(nhwc, (double)n * c * h * w, types[t] == CUBN_DATA_HALF ? 2 : 4, backward);
      }
      putchar('\n');
    }
  require(cubnDestroy(handle));
  return EXIT_SUCCESS;
}
