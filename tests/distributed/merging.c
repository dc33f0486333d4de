#include "distributed/merging.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "distributed/program.h"

enum { IMAGES = 2, CALLS = 15 };
/* Of an array per channel. */
enum { MEAN, LOW, INV_STD, DSCALE, DBIAS, ARRAYS };

typedef struct echo {
  int ranks;
  double seconds; /* in the collectives */
} echo;

/* All ranks send what this one does. */
static int repeat(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  echo *const self = context;
  const double begin = now();
  (void)stream;
  for (int r = 0; r < self->ranks; ++r)
    memcpy(receive + (size_t)r * count, send, count * sizeof *send);
  self->seconds += now() - begin;
  return 0;
}

/* Seconds of forward and backward outside the collectives, the least of several calls. */
static void time_calls(int ranks, int channels, bool divides, double seconds[2]) {
  const cubnCommunicatorFunctions_t functions = {.gather = repeat,
                                                 .all_to_all = divides ? repeat : NULL};
  echo self = {.ranks = ranks};
  const size_t count = (size_t)(IMAGES * channels);
  float *const memory = allocate(3 * count + ARRAYS * (size_t)channels, sizeof *memory);
  float *const x = memory, *const y = memory + count, *const dx = y + count;
  float *const arrays = dx + count;
  cubnHandle_t handle;
  cubnCommunicator_t communicator;
  cubnBatchNormDescriptor_t bn;
  cubnTensorDescriptor_t image, param;
  for (size_t i = 0; i < count; ++i) x[i] = (float)i;
  check(cubnCreateOnDevice(&handle, "cpu"));
  check(cubnCreateBatchNormDescriptor(&bn));
  check(cubnCreateTensorDescriptor(&image));
  check(cubnCreateTensorDescriptor(&param));
  check(
      cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, IMAGES, channels, 1, 1));
  check(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL));
  check(cubnCreateCommunicator(&communicator, &functions, &self, 0, ranks));
  check(cubnSetCommunicatorGatherRanks(communicator, 1));
  check(cubnSetBatchNormCommunicator(handle, bn, communicator, channels));
  const size_t c = (size_t)channels;
  const cubnBatchNormTensors_t t = {.x_desc = image,
                                    .y_desc = image,
                                    .dy_desc = image,
                                    .dx_desc = image,
                                    .param_desc = param,
                                    .x = x,
                                    .y = y,
                                    .dy = x,
                                    .dx = dx,
                                    .dscale = arrays + DSCALE * c,
                                    .dbias = arrays + DBIAS * c,
                                    .saved_mean = arrays + MEAN * c,
                                    .saved_mean_low = arrays + LOW * c,
                                    .saved_inv_std = arrays + INV_STD * c};
  seconds[0] = seconds[1] = HUGE_VAL;
  for (int i = 0; i < 2 * CALLS; ++i) {
    self.seconds = 0;
    const double begin = now();
    check(i % 2 ? cubnBatchNormBackward(handle, bn, &t) : cubnBatchNormForward(handle, bn, &t));
    seconds[i % 2] = fmin(seconds[i % 2], now() - begin - self.seconds);
  }
  check(cubnDestroyTensorDescriptor(image));
  check(cubnDestroyTensorDescriptor(param));
  check(cubnDestroyBatchNormDescriptor(bn));
  check(cubnDestroyCommunicator(communicator));
  check(cubnDestroy(handle));
  free(memory);
}

void merging_report(int most, int channels) {
  double least[2], seconds[2], divided[2];
  printf(
      "\n| ranks | merging forward, us | ns per channel and rank | divided, us | backward, us | "
      "ns per channel and rank | divided, us |\n|---|---|---|---|---|---|---|\n");
  time_calls(2, channels, false, least);
  for (int ranks = 8; ranks <= most; ranks *= 4) {
    time_calls(ranks, channels, false, seconds);
    time_calls(ranks, channels, true, divided);
    const double values = (double)channels * (ranks - 2);
    printf("| %d ", ranks);
    for (int i = 0; i < 2; ++i)
      printf("| %.1f | %.2f | %.1f ", 1e6 * (seconds[i] - least[i]),
             1e9 * (seconds[i] - least[i]) / values, 1e6 * (divided[i] - least[i]));
    printf("|\n");
  }
}
