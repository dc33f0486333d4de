/* What a mask costs on CUDA: its bytes in each pass, and padding is not read. Needs the emulator's
 * trace build; other builds have nothing to run. */
#include "suites/support/suite.h"

void test_masked_traffic_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <stdio.h>
#include <string.h>

#include "emu/control.h"
#include "kit/emulated/traffic.h"

static bool measure(const char *line, const char *words, line_problem *problem, traffic *t) {
  char text[128], report[512];
  snprintf(text, sizeof text, "%s%s", line, words);
  CU_ASSERT_PTR_NULL_FATAL(line_parse(text, problem));
  const cubn_algo *const *row = suite_handle()->backend->algos[problem->pass];
  while (strcmp((*row)->name, "strided")) ++row;
  return SUITE_CHECK(traffic_measure(suite_handle(), problem, *row, t, report, sizeof report),
                     "strided refuses %s, or fails: %s", text, report);
}

/* Beside the mask: the first valid sample of each channel, and where that is. */
static void expect_traffic(const char *line, int passes) {
  enum { FIRST_BYTES = 256 + 2 * 8, CHANNELS = 4 };
  line_problem p, masked;
  traffic plain, all, some;
  if (!measure(line, "", &p, &plain) || !measure(line, " mask valid=1", &masked, &all) ||
      !measure(line, " mask valid=0.5", &masked, &some))
    return;
  const int64_t mask = passes * (int64_t)line_mask_bytes(&masked);
  const int64_t read = all.distinct_read - plain.distinct_read - mask;
  const int64_t written = all.distinct_written - plain.distinct_written;
  const int64_t saved = all.distinct_read - some.distinct_read;
  SUITE_CHECK(read >= 0 && read <= CHANNELS * FIRST_BYTES, "%s: reads %lld bytes beside the mask",
              line, (long long)read);
  SUITE_CHECK(written >= 0 && written <= CHANNELS * 8, "%s: writes %lld bytes more", line,
              (long long)written);
  SUITE_CHECK(saved > passes * plain.tensor_bytes * 2 / 5, "%s: only %lld bytes of padding unread",
              line, (long long)saved);
}

static void test_traffic(void) {
  expect_traffic("train nchw f32 n8c4h28w28", 2);
  expect_traffic("train nhwc f16 n8c4h28w28", 2);
  expect_traffic("backward nchw f32 n8c4h28w28", 2);
  expect_traffic("infer nchw f32 n8c4h28w28", 1);
}

void test_masked_traffic_suites(void) {
  static const suite_test tests[] = {{"bytes of masks", test_traffic}, {0}};
  if (emu_is_trace()) suite_add("masked traffic", SUITE_CUDA, tests);
}
#else
void test_masked_traffic_suites(void) {}
#endif
