/* The kernels of the CPU on runs: several runs at a time, with and without non-temporal stores,
 * from any position in a cache line, alone or together with sums. They always give the same bits as
 * one run after the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "cpu/common/device.h"
#include "suites/support/suite.h"

enum { RUNS = CUBN_INTERLEAVE, STRIDE = 1024, LEADS = 40, VALUES = RUNS * STRIDE + LEADS };
enum { BYTES = VALUES * 8, LANES = CUBN_RUN_SUMS_MAX * CUBN_RUN_LANES_MAX, TARGETS = 4 };

static const int64_t counts[] = {1, 13, 32, 64, 193, 448, 784, 961};
enum { COUNTS = sizeof counts / sizeof *counts };

typedef struct arrays {
  unsigned char *x, *dy, *other_x, *other_dy, *wanted, *got, *wanted_dz, *got_dz;
  uint8_t bits[VALUES / 8 + 8], wanted_bits[VALUES / 8 + 8];
} arrays;

/* One call: the values that are summed, and those that are written. */
typedef struct call {
  const cubn_kernels *kernels;
  int64_t bytes; /* of an element */
  bool backward, nontemporal, adds;
  int64_t runs, count, lead;
  cubn_coefficients summed, written;
} call;

static unsigned char *aligned(void) {
  unsigned char *const memory = aligned_alloc(64, (BYTES + 63) / 64 * 64);
  CU_ASSERT_FATAL(memory != NULL);
  return memory;
}

/* Numbers of both signs between 1 and 2, made from their bits. */
static void fill(cubnDataType_t type, unsigned char *to, unsigned seed) {
  for (int i = 0; i < VALUES; ++i) {
    seed = seed * 1664525u + 1013904223u;
    const double value = (1 + (double)(seed >> 12) / (1 << 20)) * (seed >> 9 & 1 ? -1 : 1);
    const float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    const uint16_t bfloat = (uint16_t)(bits >> 16);
    const uint16_t half = (uint16_t)((bits >> 16 & 0x8000u) | 0x3c00u | (bits >> 13 & 0x3ffu));
    if (type == CUBN_DATA_DOUBLE) memcpy(to + 8 * i, &value, 8);
    if (type == CUBN_DATA_FLOAT) memcpy(to + 4 * i, &single, 4);
    if (type == CUBN_DATA_BFLOAT16) memcpy(to + 2 * i, &bfloat, 2);
    if (type == CUBN_DATA_HALF) memcpy(to + 2 * i, &half, 2);
  }
}

static cubn_run_output output_of(const call *it, const arrays *all, unsigned char *to,
                                 int64_t run) {
  const int64_t at = run * STRIDE * it->bytes;
  return (cubn_run_output){.x = all->other_x + at,
                           .dy = it->backward ? all->other_dy + at : NULL,
                           .output = to + at,
                           .runs = 1,
                           .stride = STRIDE,
                           .count = it->count,
                           .coef = &it->written};
}

static cubn_run_input input_of(const call *it, const arrays *all) {
  return (cubn_run_input){.x = all->x,
                          .dy = it->backward ? all->dy : NULL,
                          .runs = it->runs,
                          .stride = STRIDE,
                          .count = it->count,
                          .coef = &it->summed};
}

/* Elements from `lead` on are as wanted, and no others were written. */
static void check_output(const call *it, const arrays *all) {
  const size_t front = (size_t)(it->lead * it->bytes), size = (size_t)(VALUES * it->bytes) - front;
  CU_ASSERT(memcmp(all->got + front, all->wanted, size) == 0);
  size_t untouched = 0;
  while (untouched < front && all->got[untouched] == 0xee) ++untouched;
  CU_ASSERT(untouched == front);
}

static void check_plain(const call *it, arrays *all) {
  double sums[LANES] = {0}, alone[LANES] = {0};
  const cubn_run_input in = input_of(it, all);
  cubn_run_output out = output_of(it, all, all->got + it->lead * it->bytes, 0);
  memset(all->wanted, 0xee, BYTES);
  for (int64_t r = 0; r < it->runs; ++r) {
    const cubn_run_output one = output_of(it, all, all->wanted, r);
    it->kernels->run_output(&one);
  }
  out.runs = it->runs;
  out.nontemporal = it->nontemporal;
  memset(all->got, 0xee, BYTES);
  it->kernels->run_output(&out);
  check_output(it, all);
  memset(all->got, 0xee, BYTES);
  it->kernels->run_sums(&in, sums, &out);
  check_output(it, all);
  it->kernels->run_sums(&in, alone, NULL);
  CU_ASSERT(memcmp(sums, alone, sizeof sums) == 0);
}

/* ReLU, or ReLU after an addition: the values other_dy in forward, bits in backward. */
static cubn_fused fused_of(const call *it, const arrays *all, const cubn_fusion *fusion,
                           unsigned char *to, unsigned char *dz, uint8_t *bits, int64_t run) {
  const int64_t at = run * STRIDE * it->bytes;
  return (cubn_fused){.rows = 1,
                      .width = it->count,
                      .stride = STRIDE,
                      .coef = &it->written,
                      .fusion = fusion,
                      .x = all->other_x + at,
                      .dx_needs_x = true,
                      .dy = it->backward ? all->other_dy + at : NULL,
                      .z = it->adds && !it->backward ? all->other_dy + at : NULL,
                      .output = to + at,
                      .dz = it->adds && it->backward ? dz + at : NULL,
                      .bits = it->adds ? bits + run * STRIDE / 8 : NULL,
                      .bits_stride = STRIDE / 8};
}

static void check_fused(const call *it, arrays *all, bool nan_passes) {
  const cubn_fusion fusion = {.decides = true,
                              .nan_passes = nan_passes,
                              .least = 1e-40,
                              .most = (double)INFINITY,
                              .ceiling = (double)INFINITY,
                              .alpha = 1};
  const cubn_fused_kernels *const fused = it->kernels->fused;
  double sums[LANES] = {0}, alone[LANES] = {0};
  memset(all->wanted, 0xee, BYTES);
  memset(all->got, 0xee, BYTES);
  memset(all->wanted_dz, 0xee, BYTES);
  memset(all->got_dz, 0xee, BYTES);
  memset(all->bits, it->backward ? 0x5a : 0, sizeof all->bits);
  memcpy(all->wanted_bits, all->bits, sizeof all->bits);
  for (int64_t r = 0; r < RUNS; ++r) {
    const cubn_fused one =
        fused_of(it, all, &fusion, all->wanted, all->wanted_dz, all->wanted_bits, r);
    fused->output(&one);
  }
  cubn_fused out =
      fused_of(it, all, &fusion, all->got + it->lead * it->bytes, all->got_dz, all->bits, 0);
  out.rows = RUNS;
  out.nontemporal = it->nontemporal;
  CU_ASSERT(fused->can_join(&out) == (it->bytes == 2 || !out.dz));
  if (!fused->can_join(&out)) return;
  cubn_fused in = out;
  in.coef = &it->summed;
  in.x = all->x;
  if (it->backward) in.dy = all->dy;
  if (!it->backward) in.z = NULL, in.bits = NULL;
  fused->run_joined(&in, sums, &out);
  check_output(it, all);
  CU_ASSERT(memcmp(all->bits, all->wanted_bits, sizeof all->bits) == 0);
  CU_ASSERT(memcmp(all->got_dz, all->wanted_dz, BYTES) == 0);
  const cubn_run_input plain = input_of(it, all);
  if (it->backward)
    fused->run_sums(&in, alone);
  else
    it->kernels->run_sums(&plain, alone, NULL);
  CU_ASSERT(memcmp(sums, alone, sizeof sums) == 0);
}

static void check_call(call *it, arrays *all) {
  for (it->lead = 0; it->lead < LEADS; ++it->lead) {
    check_plain(it, all);
    if (it->runs != RUNS) continue;
    it->adds = false;
    check_fused(it, all, false);
    check_fused(it, all, true);
    it->adds = true;
    if (it->nontemporal && it->lead % 8 != 0) continue; /* see kernels.h */
    check_fused(it, all, false);
    if (!it->backward) check_fused(it, all, true);
  }
}

static void check_kernels(const cubn_kernels *kernels, int64_t bytes, arrays *all) {
  const cubn_coefficients around = {.prescale = 1,
                                    .dy_prescale = 1,
                                    .gain = 0.75,
                                    .slope = -0.5,
                                    .shift = 0.125,
                                    .preact_gain = 1.5,
                                    .preact_shift = 0.25};
  for (int way = 0; way < 16; ++way)
    for (int i = 0; i < COUNTS; ++i) {
      call it = {.kernels = kernels, .bytes = bytes, .summed = around, .written = around};
      it.backward = way & 1;
      it.nontemporal = way & 2;
      it.runs = way & 4 ? RUNS : 1;
      it.count = counts[i];
      if (way & 8) it.summed.center = 0.375;
      check_call(&it, all);
    }
}

static void test_runs(void) {
  static const char *const targets[TARGETS] = {"generic", "avx2", "avx512", "neon"};
  static const cubnDataType_t types[] = {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF,
                                         CUBN_DATA_BFLOAT16};
  static const int64_t bytes[] = {4, 8, 2, 2};
  static arrays all;
  unsigned char **const memory[] = {&all.x,      &all.dy,  &all.other_x,   &all.other_dy,
                                    &all.wanted, &all.got, &all.wanted_dz, &all.got_dz};
  int found = 0;
  for (int i = 0; i < 8; ++i) *memory[i] = aligned();
  for (int t = 0; t < TARGETS; ++t) {
    cubnHandle_t handle;
    setenv("CUBN_CPU_TARGET", targets[t], 1);
    if (cubnCreateOnDevice(&handle, "cpu") != CUBN_STATUS_SUCCESS) continue;
    for (int k = 0; k < 4; ++k) {
      const cubn_kernels *const kernels = cubn_machine_kernels(&handle->device->machine, types[k]);
      if (!kernels) continue; /* CPU_TYPES= */
      for (int i = 0; i < 4; ++i) fill(types[k], *memory[i], (unsigned)(i + 1));
      check_kernels(kernels, bytes[k], &all);
    }
    cubnDestroy(handle);
    ++found;
  }
  unsetenv("CUBN_CPU_TARGET");
  for (int i = 0; i < 8; ++i) free(*memory[i]);
  CU_ASSERT(found > 0);
}

void test_runs_suites(void) {
  static const suite_test tests[] = {{"several, streamed, with sums", test_runs}, {NULL, NULL}};
  suite_add("runs", SUITE_CPU, tests);
}
