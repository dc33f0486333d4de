/* The cost of the emulator: `emu-selftest bench`. */
#define _GNU_SOURCE
#include "selftest_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

#ifndef EMU_SELFTEST_ON_GPU

static double seconds(void) {
  struct timespec now; /* CPU time of this process, which other programs do not disturb */
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void report(const char *name, int launches, double elapsed) {
  emu_launch_counts counts;
  if (!emu_get_launch(emu_launch_count() - 1, &counts)) return;
  const double switches = (double)counts.fiber_switches * launches;
  printf("%-34s %9.1f launches/s %10llu switches %8.1f ns each\n", name, launches / elapsed,
         counts.fiber_switches, 1e9 * elapsed / switches);
}

static void time_block_sum(unsigned seed) {
  enum { N = 2048, LAUNCHES = 200 };
  static float x[N];
  char name[64];
  float *device_x = upload(x, sizeof x);
  float *partial = upload(NULL, 4 * sizeof *partial);
  snprintf(name, sizeof name, "sum, 4 blocks of 256, seed %u", seed);
  emu_set_seed(seed);
  const double start = seconds();
  for (int i = 0; i < LAUNCHES; ++i) {
    REQUIRE_CUDA(launch_block_sum(SELFTEST_F32, device_x, partial, N, 0));
  }
  report(name, LAUNCHES, seconds() - start);
}

static void time_batchnorm(unsigned seed, int channels, int size) {
  enum { LAUNCHES = 20, IMAGES = 8 };
  char name[64];
  const size_t bytes = sizeof(float) * (size_t)(IMAGES * channels * size);
  float *x = calloc(1, bytes);
  float *parameters = upload(x, (size_t)channels * 4 * sizeof *x);
  float *device_x = upload(x, bytes);
  float *device_y = upload(NULL, bytes);
  snprintf(name, sizeof name, "batchnorm, %d of 256, %d each, seed %u", channels, size, seed);
  emu_set_seed(seed);
  const double start = seconds();
  for (int i = 0; i < LAUNCHES; ++i) {
    REQUIRE_CUDA(launch_batchnorm(SELFTEST_F32, device_x, device_y, parameters,
                                  parameters + channels, parameters + 2 * channels,
                                  parameters + 3 * channels, IMAGES, channels, size, 1e-5f, 0));
  }
  report(name, LAUNCHES, seconds() - start);
  free(x);
}

int selftest_bench(void) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    time_block_sum(seed);
    time_batchnorm(seed, 8, 49);
    time_batchnorm(seed, 8, 3136);
  }
  return 0;
}

#endif
