/* Functions of the device: warp operations, vectors, mathematics. Their results are right under
 * every schedule, and on a GPU. */
#include <math.h>
#include <string.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

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

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS

static const selftest_case cases[] = {
    {"halves of a warp with __syncwarp", warp_halves, 1, CORRECT, 0, 0},
    {"tiles and partial masks", warp_tiles, 0, CORRECT, 0, 0},
    {"votes, matches and reductions", warp_votes, 0, CORRECT, 0, 0},
    {"vector loads and stores with hints", vector_copies, 0, CORRECT, 0, 0},
    {"mathematical functions", math, 0, CORRECT, 1, 0},
    {"single bytes side by side", bytes, 0, CORRECT, 0, 0},
#ifndef EMU_SELFTEST_ON_GPU
    {"missing __syncwarp", warp_halves, 0, MUST_BE_WRONG, MUST_BE_WRONG, "[race]", 20, 1},
#endif
};

int add_function_cases(void) {
  return selftest_add_cases("functions of the device", cases, sizeof cases / sizeof *cases);
}
