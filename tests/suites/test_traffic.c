/* The memory traffic that the CUDA algorithms promise, exact to the byte. Needs the emulator's
 * trace build; other builds have nothing to run. */
#include "suites/support/suite.h"

#ifdef CUBN_TESTS_EMULATED
#include <string.h>

#include "emu/control.h"
#include "kit/emulated/traffic.h"

static const cubn_algo *find_row(int pass, const char *name) {
  const cubn_algo *const *row = suite_handle()->backend->algos[pass];
  while (*row && strcmp((*row)->name, name)) ++row;
  SUITE_CHECK(*row, "there is no algorithm %s", name);
  return *row;
}

/* Measures a line that the algorithm has to accept, on a handle of its own: the device may have
 * changed. */
static bool measure(const char *algorithm, const char *line, line_problem *problem, traffic *t) {
  char report[512];
  const char *const error = line_parse(line, problem);
  const cubn_algo *const row = error ? NULL : find_row(problem->pass, algorithm);
  cubnHandle_t handle = NULL;
  CU_ASSERT(cubnCreateOnDevice(&handle, "cuda") == CUBN_STATUS_SUCCESS);
  const bool measured = row && handle &&
                        SUITE_CHECK(traffic_measure(handle, problem, row, t, report, sizeof report),
                                    "%s refuses %s, or fails: %s", algorithm, line, report);
  CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
  return measured;
}

enum { CLUSTER_BLOCKS_MAX = 16, CHANNELS_PER_THREAD = 4 };

/* Groups in shared memory are read once, except that every block may read the first value of a
 * channel; in backward every thread may read the statistics of its channels, with an epilogue also
 * scale, and for the pre-activation also bias and mean_low (which dscale takes, too, if forward has
 * left all statistics); and the byte of the mask with the bit of an element. */
static int64_t asked_again(const line_problem *p, const traffic *t) {
  const int64_t param_bytes = (int64_t)data_type_bytes(line_param_type(p));
  const int64_t pivots = CLUSTER_BLOCKS_MAX * line_channels(p) * (int64_t)data_type_bytes(p->type);
  if (p->pass != LINE_BACKWARD) return pivots;
  const bool recomputes = line_reserve_kind(p) == LINE_RESERVE_STATISTICS;
  const int64_t given = !p->no_saved ? 2 : recomputes ? 3 : 0;
  const int64_t values = given + line_is_fused(p) + 2 * recomputes;
  return pivots + CHANNELS_PER_THREAD * t->threads * values * param_bytes +
         (line_reserve_kind(p) == LINE_RESERVE_MASK ? line_elements(p) : 0);
}

/* One launch, in which every input is read once, byte for byte, also where nothing is aligned. */
static void expect_held(const char *algorithm, const char *line) {
  line_problem p;
  traffic t;
  if (!measure(algorithm, line, &p, &t)) return;
  const bool backward = p.pass == LINE_BACKWARD;
  const int64_t inputs = backward || p.adds ? 2 : 1, outputs = 1 + line_has_dz(&p);
  const int64_t read =
      inputs * t.tensor_bytes + t.param_read_bytes + (backward ? t.reserve_bytes : 0);
  const int64_t written =
      outputs * t.tensor_bytes + t.param_written_bytes + (backward ? 0 : t.reserve_bytes);
  SUITE_CHECK(t.launches == 1, "%s: %s: %u launches", algorithm, line, t.launches);
  SUITE_CHECK(t.distinct_read == read && t.distinct_written == written,
              "%s: %s: reads %lld bytes, wants %lld; writes %lld, wants %lld", algorithm, line,
              (long long)t.distinct_read, (long long)read, (long long)t.distinct_written,
              (long long)written);
  SUITE_CHECK(t.requested_read <= read + asked_again(&p, &t) && t.requested_written == written,
              "%s: %s: asks for %lld bytes, may for %lld; writes %lld", algorithm, line,
              (long long)t.requested_read, (long long)(read + asked_again(&p, &t)),
              (long long)t.requested_written);
}

static const char *const held_lines[] = {
    "train nchw f32 n8c4h31w33",
    "train nchw f16 n16c8h7w7",
    "train nchw f16 n9c8h15w15 offset=1",
    "train nchw f64 n8c3h14w14 offset=1",
    "train nhwc f32 n4c64h8w8",
    "train nhwc bf16 n5c35h7w7 inplace",
    "train nc f32 n300c27 norunning",
    "backward nchw f32 n8c4h31w33",
    "backward nchw f16 n9c8h15w15 offset=1",
    "backward nhwc f16 n2c128h7w7",
    "backward nhwc bf16 n2c35h7w7 inplace",
    "backward nc f64 n300c27",
    "train nchw f32 n8c4h31w33 relu",
    "train nhwc f16 n4c128h7w7 add_relu",
    "train nchw f16 n9c8h15w15 add_relu",
    "train nchw f16 n9c8h15w15 relu offset=1",
    "train nhwc bf16 n5c32h7w7 add_gelu inplace_z",
    "train nchw f16 n16c8h7w7 add_leaky noreserve",
    "backward nchw f32 n8c4h31w33 relu",
    "backward nhwc f16 n2c128h7w7 add_relu",
    "backward nchw f16 n9c8h15w15 add_relu",
    "backward nchw f16 n16c8h7w7 add_clipped inplace_z",
    "backward nhwc bf16 n2c32h7w7 add_gelu nodz",
    "backward nc f64 n300c27 leaky nosaved",
};

/* What a pass may write and read besides the tensors: 64 bytes per channel in every chunk of at
 * least 32 KB. */
static int64_t partial_bytes(const line_problem *p, const traffic *t) {
  return 64 * line_channels(p) * (1 + t->tensor_bytes / (32 << 10));
}

static void expect_passes(const char *algorithm, const char *line, int reads, int writes,
                          int reserve_reads, int launches) {
  line_problem p;
  traffic t;
  if (!measure(algorithm, line, &p, &t)) return;
  const int64_t partials = p.pass != LINE_INFER ? partial_bytes(&p, &t) : 0;
  const int64_t reserve_written = p.pass == LINE_BACKWARD ? 0 : t.reserve_bytes;
  const int64_t read = t.distinct_read - reads * t.tensor_bytes - reserve_reads * t.reserve_bytes;
  const int64_t written = t.distinct_written - writes * t.tensor_bytes - reserve_written;
  SUITE_CHECK(t.launches == (unsigned)launches, "%s: %s: %u launches", algorithm, line, t.launches);
  SUITE_CHECK(read >= 0 && read <= launches * (t.param_read_bytes + partials),
              "%s: %s: reads %lld bytes beside %d E", algorithm, line, (long long)read, reads);
  SUITE_CHECK(written >= t.param_written_bytes && written <= t.param_written_bytes + partials,
              "%s: %s: writes %lld bytes beside %d E", algorithm, line, (long long)written, writes);
}

static void test_resident(void) {
  for (size_t i = 0; i < sizeof held_lines / sizeof held_lines[0]; ++i)
    expect_held("resident", held_lines[i]);
  expect_passes("resident", "backward nchw f16 n9c8h15w15 nosaved", 3, 1, 0, 2);
}

/* Also groups that exceed a block: of images, and of the positions of few rows. */
static void test_cluster(void) {
  static const char *const lines[] = {"train nchw f32 n16c2h70w71",
                                      "train nchw f16 n2c3h300w301 offset=3",
                                      "train nhwc f16 n32c32h14w14",
                                      "train nchw f32 n16c2h64w72 add_relu",
                                      "backward nchw bf16 n1c2h257w311",
                                      "backward nhwc f32 n16c16h17w19",
                                      "backward nchw f16 n4c2h128w136 add_relu"};
  for (size_t i = 0; i < sizeof held_lines / sizeof held_lines[0]; ++i)
    expect_held("cluster", held_lines[i]);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) expect_held("cluster", lines[i]);
  expect_passes("cluster", "backward nchw bf16 n1c2h257w311 nosaved", 3, 1, 0, 2);
}

/* Streamed: one launch. Where the L2 cache is much smaller than the tensors, every input is read
 * from memory once; the SMs read it from the cache twice. */
static void expect_streamed(const char *line, unsigned long long l2_bytes) {
  line_problem p;
  traffic t;
  emu_set_l2_bytes(l2_bytes);
  if (measure("streamed", line, &p, &t)) {
    const int64_t inputs = p.pass == LINE_BACKWARD ? 2 : 1;
    const int64_t chunks = 1 + t.tensor_bytes / (32 << 10);
    const int64_t beside = t.param_read_bytes + 2 * partial_bytes(&p, &t);
    const int64_t missed = t.missed_read - inputs * t.tensor_bytes;
    const int64_t asked = t.requested_read - 2 * inputs * t.tensor_bytes;
    /* Every thread may read the saved statistics and the coefficients of its channels. */
    const int64_t by_threads = 2 * chunks * 256 * 8 * 16;
    SUITE_CHECK(inputs * t.tensor_bytes > 2 * (int64_t)l2_bytes, "%s: too short", line);
    SUITE_CHECK(t.launches == 1, "streamed: %s: %u launches", line, t.launches);
    SUITE_CHECK(missed >= 0 && missed <= beside,
                "streamed: %s: memory is asked for %lld bytes beside %lld E", line,
                (long long)missed, (long long)inputs);
    SUITE_CHECK(asked >= 0 && asked <= beside + by_threads,
                "streamed: %s: the cache is asked for %lld bytes beside %lld E", line,
                (long long)asked, (long long)(2 * inputs));
  }
  emu_set_l2_bytes(0);
}

static void test_streamed(void) {
  expect_streamed("train nchw f32 n8c24h64w65", 1200 << 10);
  expect_streamed("train nchw f16 n9c40h63w65 offset=1", 1200 << 10);
  expect_streamed("train nhwc f16 n8c512h17w18", 1200 << 10);
  expect_streamed("backward nchw f32 n8c24h64w65", 2400 << 10);
  expect_streamed("backward nhwc bf16 n8c512h17w18", 2400 << 10);
  expect_streamed("train nhwc f32 n8c548h12w12", 1200 << 10);
  expect_streamed("backward nhwc f16 n8c1096h12w12", 2400 << 10);
}

/* The cache evicts: of two passes, the second in reverse order, it has what was read last, not
 * everything. */
static void test_cache(void) {
  line_problem p;
  traffic t;
  emu_set_l2_bytes(1200 << 10);
  if (measure("two_pass", "train nchw f32 n8c24h64w65", &p, &t)) {
    const int64_t missed = t.missed_read - t.tensor_bytes;
    SUITE_CHECK(missed > t.tensor_bytes - (1300 << 10) && missed < t.tensor_bytes,
                "two_pass: memory is asked for %lld bytes beside E", (long long)missed);
  }
  emu_set_l2_bytes(0);
}

static void test_two_pass(void) {
  expect_passes("two_pass", "train nchw f32 n8c4h56w56", 2, 1, 0, 2);
  expect_passes("two_pass", "train nchw f16 n8c4h57w57 offset=1", 2, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14", 2, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f32 n6c35h15w15", 2, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n16c3h28w28 offset=5", 2, 1, 0, 2);
  expect_passes("two_pass", "train nc bf16 n301c1001", 2, 1, 0, 2);
  expect_passes("two_pass", "backward nhwc f16 n6c27h15w15", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nc f32 n301c510 offset=1", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 nosaved", 5, 1, 0, 3);
}

/* z is read in the second pass only, and dz is written there; a mask, and stored pre-activations,
 * are read with dy, in both. */
static void test_two_pass_fused(void) {
  expect_passes("two_pass", "train nchw f32 n8c4h56w56 relu", 2, 1, 0, 2);
  expect_passes("two_pass", "train nchw f32 n8c4h56w56 add_relu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14 add_relu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14 add_gelu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f32 n6c35h15w15 relu", 2, 1, 0, 2);
  expect_passes("two_pass", "train nc f16 n301c1001 add_gelu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nchw f32 n8c4h56w56 statistics", 1, 0, 0, 1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 relu", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nchw f16 n8c4h56w56 add_relu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14 add_relu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14 add_gelu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nhwc bf16 n6c35h15w15 add_gelu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 nodx", 2, 0, 0, 1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 add_relu sums", 2, 2, 1, 1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 add_relu nodx nodscale nodbias", 1, 1, 1,
                1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 frozen nodscale nodbias", 1, 1, 0, 1);
}

static void test_inference(void) {
  expect_passes("inference", "infer nchw f32 n8c4h56w56", 1, 1, 0, 1);
  expect_passes("inference", "infer nchw f16 n16c8h7w7 offset=1", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n8c64h14w14", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n16c35h7w7 inplace", 1, 1, 0, 1);
  expect_passes("inference", "infer nc bf16 n64c1001 inplace offset=3", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n16c27h7w7 add_relu", 2, 1, 0, 1);
  expect_passes("inference", "infer nc f64 n512c64 beta=1", 2, 1, 0, 1);
  expect_passes("inference", "infer nchw f32 n8c4h56w56 relu", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n8c64h14w14 add_relu", 2, 1, 0, 1);
}

void test_traffic_suites(void) {
  static const suite_test tests[] = {
      {"resident reads once", test_resident},        {"cluster reads once", test_cluster},
      {"streamed reads memory once", test_streamed}, {"two_pass reads twice", test_two_pass},
      {"two_pass, fused", test_two_pass_fused},      {"the cache forgets", test_cache},
      {"inference reads once", test_inference},      {0}};
  if (emu_is_trace()) suite_add("traffic", SUITE_CUDA, tests);
}
#else
void test_traffic_suites(void) {}
#endif
