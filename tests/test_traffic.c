/* What the CUDA algorithms promise about memory traffic, held to the byte. Needs the emulator's
 * trace build; elsewhere there is nothing to run. */
#include "suite.h"

#ifdef CUBN_TESTS_EMULATED
#include <string.h>

#include "emu/control.h"
#include "emu_traffic.h"

static const cubn_algo *find_row(int pass, const char *name) {
  const cubn_algo *const *row = suite_handle()->backend->algos[pass];
  while (*row && strcmp((*row)->name, name)) ++row;
  SUITE_CHECK(*row, "there is no algorithm %s", name);
  return *row;
}

/* Measures a line that the algorithm has to accept. */
static bool measure(const char *algorithm, const char *line, line_problem *problem, traffic *t) {
  char report[512];
  const char *const error = line_parse(line, problem);
  const cubn_algo *const row = error ? NULL : find_row(problem->pass, algorithm);
  return row && SUITE_CHECK(traffic_measure(suite_handle(), problem, row, t, report, sizeof report),
                            "%s refuses %s, or fails: %s", algorithm, line, report);
}

/* Nothing is asked for twice, except that in backward every thread may ask for the statistics of its
 * channel, with something fused for scale, and where it computes the activation's input again for bias
 * and the rest of the mean; and for the byte of the mask that an element's bit is in. */
static int64_t asked_again(const line_problem *p, const traffic *t) {
  if (p->pass != LINE_BACKWARD) return 0;
  const bool has_mask = line_reserve_kind(p) == LINE_RESERVE_MASK;
  const bool recomputes = line_reserve_kind(p) == LINE_RESERVE_MEANS;
  const int64_t values = (p->no_saved ? 0 : 2) + line_is_fused(p) + (recomputes ? 2 : 0);
  return t->threads * values * (int64_t)data_type_bytes(line_param_type(p)) +
         (has_mask ? line_elements(p) : 0);
}

/* Resident: one launch; every input is read once, byte by byte, also where nothing is aligned. */
static void test_resident(void) {
  static const char *const lines[] = {
      "train nchw f32 n8c4h31w33",
      "train nchw f16 n16c8h7w7",
      "train nchw f16 n9c8h15w15 offset=1",
      "train nchw f64 n8c3h14w14 offset_x=1",
      "train nhwc f32 n4c16h14w14",
      "train nhwc bf16 n5c35h7w7 inplace",
      "train nc f32 n300c27 norunning",
      "backward nchw f32 n8c4h31w33",
      "backward nchw f16 n9c8h15w15 offset_x=1 nosaved",
      "backward nhwc bf16 n5c35h7w7 inplace",
      "backward nc f64 n300c27",
      "train nchw f32 n8c4h31w33 relu",
      "train nhwc f16 n8c64h14w14 add_relu",
      "train nchw f16 n9c8h15w15 add_relu",
      "train nchw f16 n9c8h15w15 relu offset=1",
      "train nhwc bf16 n5c32h7w7 add_gelu inplace_z",
      "train nchw f16 n16c8h7w7 add_leaky noreserve",
      "backward nchw f32 n8c4h31w33 relu",
      "backward nhwc f16 n8c64h14w14 add_relu",
      "backward nchw f16 n9c8h15w15 add_relu",
      "backward nchw f16 n16c8h7w7 add_clipped inplace_z",
      "backward nhwc bf16 n5c32h7w7 add_gelu nodz",
      "backward nc f64 n300c27 leaky",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem p;
    traffic t;
    if (!measure("resident", lines[i], &p, &t)) continue;
    const bool backward = p.pass == LINE_BACKWARD;
    const int64_t inputs = backward || p.adds ? 2 : 1, outputs = 1 + line_has_dz(&p);
    const int64_t read =
        inputs * t.tensor_bytes + t.param_read_bytes + (backward ? t.reserve_bytes : 0);
    const int64_t written =
        outputs * t.tensor_bytes + t.param_written_bytes + (backward ? 0 : t.reserve_bytes);
    SUITE_CHECK(t.launches == 1, "%s: %u launches", lines[i], t.launches);
    SUITE_CHECK(t.distinct_read == read && t.distinct_written == written,
                "%s: reads %lld bytes, wants %lld; writes %lld, wants %lld", lines[i],
                (long long)t.distinct_read, (long long)read, (long long)t.distinct_written,
                (long long)written);
    SUITE_CHECK(t.requested_read <= read + asked_again(&p, &t) && t.requested_written == written,
                "%s: asks for %lld bytes, may for %lld; writes %lld", lines[i],
                (long long)t.requested_read, (long long)(read + asked_again(&p, &t)),
                (long long)t.requested_written);
  }
}

/* Beside the tensors, a pass may leave 64 bytes per channel in every chunk of at least 32 KB, and
 * each launch may read what was left. */
static void expect_passes(const char *algorithm, const char *line, int reads, int writes,
                          int reserve_reads, int launches) {
  line_problem p;
  traffic t;
  if (!measure(algorithm, line, &p, &t)) return;
  const int64_t chunks = 1 + t.tensor_bytes / (32 << 10);
  const int64_t partials = p.pass != LINE_INFER ? 64 * line_channels(&p) * chunks : 0;
  const int64_t reserve_written = p.pass == LINE_BACKWARD ? 0 : t.reserve_bytes;
  const int64_t read = t.distinct_read - reads * t.tensor_bytes - reserve_reads * t.reserve_bytes;
  const int64_t written = t.distinct_written - writes * t.tensor_bytes - reserve_written;
  SUITE_CHECK(t.launches == (unsigned)launches, "%s: %s: %u launches", algorithm, line, t.launches);
  SUITE_CHECK(read >= 0 && read <= launches * (t.param_read_bytes + partials),
              "%s: %s: reads %lld bytes beside %d E", algorithm, line, (long long)read, reads);
  SUITE_CHECK(written >= t.param_written_bytes && written <= t.param_written_bytes + partials,
              "%s: %s: writes %lld bytes beside %d E", algorithm, line, (long long)written, writes);
}

static void test_two_pass(void) {
  expect_passes("two_pass", "train nchw f32 n8c4h56w56", 2, 1, 0, 2);
  expect_passes("two_pass", "train nchw f16 n8c4h57w57 offset=1", 2, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14", 2, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f32 n6c35h15w15", 2, 1, 0, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 nosaved", 5, 1, 0, 3);
}

/* z is needed in the second pass only, dz written there; a mask, and stored inputs of the activation,
 * are read with dy, in both. */
static void test_two_pass_fused(void) {
  expect_passes("two_pass", "train nchw f32 n8c4h56w56 relu", 2, 1, 0, 2);
  expect_passes("two_pass", "train nchw f32 n8c4h56w56 add_relu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14 add_relu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14 add_gelu", 3, 1, 0, 2);
  expect_passes("two_pass", "train nchw f32 n8c4h56w56 statistics", 1, 0, 0, 1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 relu", 4, 1, 0, 2);
  expect_passes("two_pass", "backward nchw f16 n8c4h56w56 add_relu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14 add_relu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14 add_gelu", 4, 2, 2, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 nodx", 2, 0, 0, 1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 add_relu sums", 2, 2, 1, 1);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 frozen nodscale nodbias", 1, 1, 0, 1);
}

static void test_inference(void) {
  expect_passes("inference", "infer nchw f32 n8c4h56w56", 1, 1, 0, 1);
  expect_passes("inference", "infer nchw f16 n16c8h7w7 offset=1", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n8c64h14w14", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n16c35h7w7 inplace", 1, 1, 0, 1);
  expect_passes("inference", "infer nc f64 n512c64 beta=1", 2, 1, 0, 1);
  expect_passes("inference", "infer nchw f32 n8c4h56w56 relu", 1, 1, 0, 1);
  expect_passes("inference", "infer nhwc f16 n8c64h14w14 add_relu", 2, 1, 0, 1);
}

void test_traffic_suites(void) {
  static const suite_test tests[] = {{"resident reads once", test_resident},
                                     {"two_pass reads twice", test_two_pass},
                                     {"two_pass, fused", test_two_pass_fused},
                                     {"inference reads once", test_inference},
                                     {0}};
  if (emu_is_trace()) suite_add("traffic", SUITE_CUDA, tests);
}
#else
void test_traffic_suites(void) {}
#endif
