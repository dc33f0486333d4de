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
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem p;
    traffic t;
    if (!measure("resident", lines[i], &p, &t)) continue;
    const int64_t inputs = p.pass == LINE_BACKWARD ? 2 : 1;
    const int64_t read = inputs * t.tensor_bytes + t.param_read_bytes;
    const int64_t written = t.tensor_bytes + t.param_written_bytes;
    SUITE_CHECK(t.launches == 1, "%s: %u launches", lines[i], t.launches);
    SUITE_CHECK(t.distinct_read == read && t.distinct_written == written,
                "%s: reads %lld bytes, wants %lld; writes %lld, wants %lld", lines[i],
                (long long)t.distinct_read, (long long)read, (long long)t.distinct_written,
                (long long)written);
    /* Nothing is asked for twice, except that every thread may ask for the saved statistics of its
     * channel. */
    const bool has_saved = p.pass == LINE_BACKWARD && !p.no_saved;
    const int64_t saved_bytes = 2 * (int64_t)data_type_bytes(line_param_type(&p));
    const int64_t again = has_saved ? t.threads * saved_bytes : 0;
    SUITE_CHECK(t.requested_read <= read + again && t.requested_written == written,
                "%s: asks for %lld bytes, may for %lld; writes %lld", lines[i],
                (long long)t.requested_read, (long long)(read + again),
                (long long)t.requested_written);
  }
}

/* Beside the tensors, a pass may leave 64 bytes per channel in every chunk of at least 32 KB, and
 * each launch may read what was left. */
static void expect_passes(const char *algorithm, const char *line, int reads, int launches) {
  line_problem p;
  traffic t;
  if (!measure(algorithm, line, &p, &t)) return;
  const int64_t chunks = 1 + t.tensor_bytes / (32 << 10);
  const int64_t partials = launches > 1 ? 64 * line_channels(&p) * chunks : 0;
  const int64_t read = t.distinct_read - reads * t.tensor_bytes;
  const int64_t written = t.distinct_written - t.tensor_bytes;
  SUITE_CHECK(t.launches == (unsigned)launches, "%s: %s: %u launches", algorithm, line, t.launches);
  SUITE_CHECK(read >= 0 && read <= launches * (t.param_read_bytes + partials),
              "%s: %s: reads %lld bytes beside %d E", algorithm, line, (long long)read, reads);
  SUITE_CHECK(written >= t.param_written_bytes && written <= t.param_written_bytes + partials,
              "%s: %s: writes %lld bytes beside E", algorithm, line, (long long)written);
}

static void test_two_pass(void) {
  expect_passes("two_pass", "train nchw f32 n8c4h56w56", 2, 2);
  expect_passes("two_pass", "train nchw f16 n8c4h57w57 offset=1", 2, 2);
  expect_passes("two_pass", "train nhwc f16 n8c64h14w14", 2, 2);
  expect_passes("two_pass", "train nhwc f32 n6c35h15w15", 2, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56", 4, 2);
  expect_passes("two_pass", "backward nhwc f16 n8c64h14w14", 4, 2);
  expect_passes("two_pass", "backward nchw f32 n8c4h56w56 nosaved", 5, 3);
}

static void test_inference(void) {
  expect_passes("inference", "infer nchw f32 n8c4h56w56", 1, 1);
  expect_passes("inference", "infer nchw f16 n16c8h7w7 offset=1", 1, 1);
  expect_passes("inference", "infer nhwc f16 n8c64h14w14", 1, 1);
  expect_passes("inference", "infer nhwc f16 n16c35h7w7 inplace", 1, 1);
  expect_passes("inference", "infer nc f64 n512c64 beta=1", 2, 1);
}

void test_traffic_suites(void) {
  static const suite_test tests[] = {{"resident reads once", test_resident},
                                     {"two_pass reads twice", test_two_pass},
                                     {"inference reads once", test_inference},
                                     {0}};
  if (emu_is_trace()) suite_add("traffic", SUITE_CUDA, tests);
}
#else
void test_traffic_suites(void) {}
#endif
