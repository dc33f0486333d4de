/* Correct kernels: right results under every schedule, and on a GPU. */
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
  for (int repeat = 0; repeat < 2; ++repeat) { /* the counter resets itself */
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
  emu_set_seed(7); /* a schedule with both blocks resident */
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

static void warp_halves(int with_syncwarp) {
  float y[64];
  float *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_warp_halves(device_y, with_syncwarp, 0));
  download(y, device_y, sizeof y);
  for (int t = 0; t < 64; ++t) REQUIRE(y[t] == (float)(t % 32 < 16 ? 2 * t + 16 : t));
}

static void warp_tiles(int unused) {
  float y[64];
  float *device_y = upload(NULL, sizeof y);
  (void)unused;
  REQUIRE_CUDA(launch_warp_tiles(device_y, 0));
  download(y, device_y, sizeof y);
  for (int t = 0; t < 64; ++t) {
    const int tile_sum = t / 8 * 64 + 28;
    const int from_below = t % 16 != 0 ? t - 1 : t;
    const int third_of_eight = t / 8 * 8 + 3;
    const int neighbour = t < 16 ? (t ^ 1) : 0;
    REQUIRE(y[t] == (float)(tile_sum + from_below + third_of_eight + neighbour));
  }
}

static void warp_votes(int unused) {
  enum { THREADS = 64 };
  unsigned y[THREADS][8];
  unsigned *device_y = upload(NULL, sizeof y);
  (void)unused;
  REQUIRE_CUDA(launch_warp_votes(device_y, 0));
  download(y, device_y, sizeof y);
  for (unsigned t = 0; t < THREADS; ++t) {
    const unsigned lane = t % 32;
    REQUIRE(y[t][0] == 0x1f);
    REQUIRE(y[t][1] == 1);
    REQUIRE(y[t][2] == 0xfu << (lane / 4 * 4));
    REQUIRE(y[t][3] == (lane + 4 < 32 ? lane + 4 : lane));
    REQUIRE(y[t][4] == 6);
    REQUIRE(y[t][5] == 1);
    REQUIRE(y[t][6] == 31 * 16);
    REQUIRE(y[t][7] == 9 + 3100);
  }
}

static void vector_copies(int unused) {
  enum { WORDS = 1200, COPIES = 7 };
  static unsigned x[WORDS];
  static unsigned y[COPIES][WORDS];
  (void)unused;
  for (unsigned i = 0; i < WORDS; ++i) x[i] = i * 2654435761u;
  unsigned *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_vector_copies(upload(x, sizeof x), device_y, WORDS, 0));
  download(y, device_y, sizeof y);
  for (int i = 0; i < COPIES; ++i) REQUIRE(memcmp(y[i], x, sizeof x) == 0);
}

static void math(int unused) {
  const float x[3] = {2.25f, NAN, INFINITY};
  float y[10];
  double z[4];
  long long w[8];
  (void)unused;
  float *device_y = upload(NULL, sizeof y);
  double *device_z = upload(NULL, sizeof z);
  long long *device_w = upload(NULL, sizeof w);
  REQUIRE_CUDA(launch_math(upload(x, sizeof x), device_y, device_z, device_w, 0));
  download(y, device_y, sizeof y);
  download(z, device_z, sizeof z);
  download(w, device_w, sizeof w);
  const float expected[10] = {
      1 / 1.5f, 1.5f, 5.5f,   1 / 2.25f, 2.25f,
      1.125f,   7.5f, -2.25f, 7.0f,      1.0f + 1.5f + 2.25f * 2.25f + 2.25f};
  for (int i = 0; i < 10; ++i) REQUIRE(fabsf(y[i] - expected[i]) <= 2e-7f * fabsf(expected[i]));
  REQUIRE(z[0] == 1.5 && fabs(z[1] - 1 / 1.5) < 1e-15 && z[2] == 5.5 && z[3] == 2.25);
  const long long big = 1ll << 40;
  const long long integers[8] = {8, 9, 31, 3, 3, 2 * big, 64 + 63 + 34, 0x80000000ll};
  REQUIRE(memcmp(w, integers, sizeof w) == 0);
}

static void bytes(int unused) {
  enum { N = 200 };
  unsigned char x[N];
  unsigned char y[N / 8];
  (void)unused;
  for (int i = 0; i < N; ++i) x[i] = (unsigned char)(i % 3 == 0);
  unsigned char *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_bytes(upload(x, sizeof x), device_y, N, 0));
  download(y, device_y, sizeof y);
  for (int i = 0; i < N; ++i) REQUIRE((y[i / 8] >> (i % 8) & 1) == x[i]);
}

typedef struct batchnorm_data {
  selftest_type type;
  int images, channels, size;
  float *values; /* of x, exact in its type */
  float *scale, *bias;
} batchnorm_data;

static size_t element_bytes(selftest_type type) {
  return type == SELFTEST_F32 ? 4 : 2;
}

static void store_element(void *to, size_t index, selftest_type type, float value) {
  const unsigned short narrow = type == SELFTEST_F16 ? half_of(value) : bfloat_of(value);
  char *place = (char *)to + index * element_bytes(type);
  memcpy(place, type == SELFTEST_F32 ? (const void *)&value : &narrow, element_bytes(type));
}

static float load_element(const void *from, size_t index, selftest_type type) {
  float value;
  unsigned short narrow;
  const char *place = (const char *)from + index * element_bytes(type);
  if (type == SELFTEST_F32) {
    memcpy(&value, place, sizeof value);
    return value;
  }
  memcpy(&narrow, place, sizeof narrow);
  return type == SELFTEST_F16 ? float_of_half(narrow) : float_of_bfloat(narrow);
}

static void check_channel(const batchnorm_data *data, int channel, const void *y) {
  const float relative[] = {1e-4f, 2e-3f, 2e-2f};
  double sum = 0;
  double squares = 0;
  for (int image = 0; image < data->images; ++image) {
    const float *row =
        data->values + (size_t)(image * data->channels + channel) * (size_t)data->size;
    for (int i = 0; i < data->size; ++i) {
      sum += row[i];
      squares += (double)row[i] * row[i];
    }
  }
  const double count = (double)data->images * data->size;
  const double mean = sum / count;
  const double inv_std = 1 / sqrt(squares / count - mean * mean + 1e-5);
  for (int image = 0; image < data->images; ++image) {
    const size_t start = (size_t)(image * data->channels + channel) * (size_t)data->size;
    for (size_t i = start; i < start + (size_t)data->size; ++i) {
      const double expected =
          (data->values[i] - mean) * inv_std * data->scale[channel] + data->bias[channel];
      const double error = fabs(load_element(y, i, data->type) - expected);
      REQUIRE(error <= relative[data->type] * (1 + fabs(expected)));
    }
  }
}

static void run_batchnorm(selftest_type type, int size, int offset) {
  batchnorm_data data = {type, 3, 2, size, NULL, NULL, NULL};
  const size_t count = (size_t)(data.images * data.channels * size);
  const size_t total_bytes = count * element_bytes(type) + 64;
  const size_t offset_bytes = (size_t)offset * element_bytes(type);
  char *x = calloc(1, total_bytes);
  char *y = calloc(1, total_bytes);
  float scale[2] = {1.5f, -0.5f};
  float bias[2] = {0.25f, 2.0f};
  data.values = malloc(count * sizeof *data.values);
  data.scale = scale;
  data.bias = bias;
  for (size_t i = 0; i < count; ++i) {
    data.values[i] = (float)((i * 2654435761u >> 7) % 65) / 16 - 2;
    store_element(x + offset_bytes, i, type, data.values[i]);
  }
  char *device_x = upload(x, total_bytes);
  char *device_y = upload(y, total_bytes);
  float *statistics = upload(NULL, 4 * sizeof *statistics);
  REQUIRE_CUDA(launch_batchnorm(type, device_x + offset_bytes, device_y + offset_bytes,
                                upload(scale, sizeof scale), upload(bias, sizeof bias), statistics,
                                statistics + 2, data.images, data.channels, size, 1e-5f, 0));
  download(y, device_y, total_bytes);
  for (int channel = 0; channel < data.channels; ++channel) {
    check_channel(&data, channel, y + offset_bytes);
  }
  free(data.values);
  free(x);
  free(y);
}

static void batchnorm(int offset) {
  static const int sizes[] = {1, 7, 49, 64, 196, 1021};
  for (int type = 0; type < 3; ++type) {
    for (int i = 0; i < 6; ++i) run_batchnorm((selftest_type)type, sizes[i], offset);
  }
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
    {"halves of a warp with __syncwarp", warp_halves, 1, CORRECT, 0, 0},
    {"tiles and partial masks", warp_tiles, 0, CORRECT, 0, 0},
    {"votes, matches and reductions", warp_votes, 0, CORRECT, 0, 0},
    {"vector loads and stores with hints", vector_copies, 0, CORRECT, 0, 0},
    {"mathematical functions", math, 0, CORRECT, 1, 0},
    {"single bytes side by side", bytes, 0, CORRECT, 0, 0},
    {"batchnorm, aligned", batchnorm, 0, CORRECT, 5, 0},
    {"batchnorm, misaligned by one element", batchnorm, 1, CORRECT, 5, 0},
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
    {"missing __syncwarp", warp_halves, 0, MUST_BE_WRONG, MUST_BE_WRONG, "[race]", 20, 1},
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
