/* Correct kernels: their results are right under every schedule, and on a GPU. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

/* Small integers: sums are exact in every order. */
static float *counting_values(int n, int period, double *sum) {
  float *values = malloc((size_t)n * sizeof *values);
  *sum = 0;
  for (int i = 0; i < n; ++i) {
    values[i] = (float)(i % period);
    *sum += values[i];
  }
  return values;
}

static void block_sum(int type) {
  enum { N = 1003 };
  static float values[N];
  static unsigned short narrow[N];
  double sum = 0;
  for (int i = 0; i < N; ++i) {
    values[i] = (float)(i % 5 - 2) * 0.25f;
    narrow[i] = type == SELFTEST_F16 ? half_of(values[i]) : bfloat_of(values[i]);
    sum += values[i];
  }
  void *x = type == SELFTEST_F32 ? upload(values, sizeof values) : upload(narrow, sizeof narrow);
  float out[4];
  float *device_out = upload(NULL, sizeof out);
  REQUIRE_CUDA(launch_block_sum((selftest_type)type, x, device_out, N, 0));
  download(out, device_out, sizeof out);
  REQUIRE(fabs(out[0] + out[1] + out[2] + out[3] - sum) < 1e-3);
  REQUIRE_CUDA(cudaFree(x));
  REQUIRE_CUDA(cudaFree(device_out));
}

static void block_sum_double(int unused) {
  enum { N = 777 };
  static double values[N];
  double sum = 0;
  (void)unused;
  for (int i = 0; i < N; ++i) {
    values[i] = 1.0 / 1024 * i + 1073741824.0;
    sum += values[i];
  }
  double out[4];
  double *device_out = upload(NULL, sizeof out);
  REQUIRE_CUDA(launch_block_sum_double(upload(values, sizeof values), device_out, N, 0));
  download(out, device_out, sizeof out);
  REQUIRE(out[0] + out[1] + out[2] + out[3] == sum);
}

static void two_stage_sum(int n) {
  double sum;
  float *values = counting_values(n, 7, &sum);
  float *x = upload(values, (size_t)n * 4);
  float *partial = upload(NULL, 64 * 4);
  float *device_out = upload(NULL, 4);
  float out;
  REQUIRE_CUDA(launch_two_stage_sum(x, partial, device_out, n, 64, 64, 0));
  download(&out, device_out, 4);
  REQUIRE(out == (float)sum);
}

static void last_block_sum(int fences) {
  enum { N = 5000, BLOCKS = 8 };
  double sum;
  const unsigned zero = 0;
  float *values = counting_values(N, 7, &sum);
  float *x = upload(values, N * 4);
  float *partial = upload(NULL, BLOCKS * 4);
  float *device_out = upload(NULL, 4);
  unsigned *counter = upload(&zero, 4);
  for (int repeat = 0; repeat < 2; ++repeat) { /* The counter resets itself. */
    float out;
    REQUIRE_CUDA(launch_last_block_sum(x, partial, counter, device_out, N, BLOCKS,
                                       (selftest_fences)fences, 0));
    download(&out, device_out, 4);
    REQUIRE(out == (float)sum);
  }
}

static void handover(int with_release) {
  enum { N = 64 };
  int out[N];
  const unsigned zeros[2] = {0, 0};
  int *device_out = upload(NULL, sizeof out);
#ifndef EMU_SELFTEST_ON_GPU
  emu_set_seed(7); /* This schedule has both blocks resident. */
#endif
  REQUIRE_CUDA(launch_handover(upload(zeros, sizeof zeros), upload(NULL, sizeof out), device_out,
                               with_release, 0));
  download(out, device_out, sizeof out);
  for (int i = 0; i < N; ++i) REQUIRE(out[i] == i + 7);
}

static void grid_normalize(int cooperative) {
  enum { N = 3000, BLOCKS = 8 };
  double sum;
  static float y[N];
  float *values = counting_values(N, 7, &sum);
  float *device_y = upload(NULL, sizeof y);
  float *partial = upload(NULL, BLOCKS * 4);
  REQUIRE_CUDA(launch_grid_normalize(upload(values, sizeof y), device_y, partial, N, BLOCKS,
                                     cooperative, 0));
  download(y, device_y, sizeof y);
  for (int i = 0; i < N; ++i) REQUIRE(fabsf(y[i] - values[i] / (float)sum) < 1e-9f);
}

static void cluster_sum(int final_sync) {
  enum { CLUSTERS = 3, BLOCKS = 4, N = 700 };
  static float values[N * CLUSTERS];
  float out[CLUSTERS * BLOCKS];
  for (int i = 0; i < N * CLUSTERS; ++i) values[i] = (float)(i % 11);
#ifdef EMU_SELFTEST_ON_GPU
  int major;
  REQUIRE_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  if (major < 9) return;
#endif
  float *device_out = upload(NULL, sizeof out);
  REQUIRE_CUDA(launch_cluster_sum(upload(values, sizeof values), device_out, N, CLUSTERS, BLOCKS,
                                  final_sync, 0));
  download(out, device_out, sizeof out);
  for (int block = 0; block < CLUSTERS * BLOCKS; ++block) {
    double sum = 0;
    for (int i = 0; i < N; ++i) sum += values[block / BLOCKS * N + i];
    REQUIRE(out[block] == (float)sum);
  }
}

static void reverse(int with_barrier) {
  enum { N = 600 };
  static int x[N];
  static int y[N];
  for (int i = 0; i < N; ++i) x[i] = i + 1;
  int *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_reverse(upload(x, sizeof x), device_y, N, with_barrier, 0));
  download(y, device_y, sizeof y);
  for (int i = 0; i < N; ++i) {
    const int source = i / 256 * 256 + 255 - i % 256;
    REQUIRE(y[i] == (source < N ? source + 1 : 0));
  }
}

static void copy(int beyond) {
  enum { N = 1000 };
  double sum;
  static float y[N];
  float *values = counting_values(N, 13, &sum);
  float *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_copy(upload(values, sizeof y), device_y, N, beyond, 0));
  download(y, device_y, sizeof y);
  REQUIRE(memcmp(y, values, sizeof y) == 0);
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS

static const selftest_case cases[] = {
    {"block sum by shuffles, f32", block_sum, SELFTEST_F32, CORRECT, 0, 0},
    {"block sum by shuffles, f16", block_sum, SELFTEST_F16, CORRECT, 0, 0},
    {"block sum by shuffles, bf16", block_sum, SELFTEST_BF16, CORRECT, 0, 0},
    {"block sum by shuffles, f64", block_sum_double, 0, CORRECT, 0, 0},
    {"two-stage sum in dynamic shared memory", two_stage_sum, 10000, CORRECT, 0, 0},
    {"two-stage sum of one value", two_stage_sum, 1, CORRECT, 0, 0},
    {"last block sums up", last_block_sum, FENCES_BOTH, CORRECT, 0, 0},
    {"release and acquire between blocks", handover, 1, CORRECT, 0, 0},
    {"grid barrier", grid_normalize, 1, CORRECT, 0, 0},
    {"cluster and distributed shared memory", cluster_sum, 1, CORRECT, 0, 0},
    {"copy within bounds, cudaLaunchKernel", copy, 0, CORRECT, 0, 0},
    {"reverse through shared memory", reverse, 1, CORRECT, 0, 0},
};

#ifndef EMU_SELFTEST_ON_GPU
/* The same bodies, each with its mistake switched on. */
static const selftest_case broken_cases[] = {
    {"last block without fences", last_block_sum, FENCES_NONE, NULL, NULL, "[race]", 20, 1},
    {"last block without acquiring", last_block_sum, FENCES_WRITER_ONLY, NULL, NULL, "[race]", 20,
     1},
    {"flag set without a release", handover, 0, NULL, NULL, "[race]", 1, 0},
    {"grid barrier, not cooperative", grid_normalize, 0, "[grid-sync]", "[grid-sync]",
     "[grid-sync]", 0, 0},
    {"cluster without the final barrier", cluster_sum, 0, NULL, "AddressSanitizer",
     "[out-of-bounds]", 20, 1},
    {"global read out of bounds", copy, 1, NULL, "AddressSanitizer", "[out-of-bounds]", 0, 0},
    {"missing barrier", reverse, 0, MUST_BE_WRONG, MUST_BE_WRONG, "EMU-ERROR", 20, 1},
};
#endif

int add_kernel_cases(void) {
  if (!selftest_add_cases("correct kernels", cases, sizeof cases / sizeof *cases)) return 0;
#ifdef EMU_SELFTEST_ON_GPU
  return 1;
#else
  return selftest_add_cases("the same kernels, broken", broken_cases,
                            sizeof broken_cases / sizeof *broken_cases);
#endif
}
