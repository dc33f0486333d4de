/* Virtual batches on a GPU: one launch computes all of them, and another one adds what each leaves
 * in the running statistics or in the gradients of the parameters. Needs the emulator; its trace
 * build counts bytes, too. */
#include "suites/support/virtual_pair.h"

#include "suites/support/expect_error.h"

#ifdef CUBN_TESTS_EMULATED
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/control.h"

/* Bytes of the call: tensors, per-channel parameters, and what is left for each batch. */
typedef struct expected {
  long long read, written, numbers;
} expected;

static void expect_launches(const char *line, const char *kernel, const expected *wanted) {
  emu_launch_counts first = {0}, second = {0};
  SUITE_CHECK(emu_launch_count() == 2, "%s: %u launches", line, emu_launch_count());
  if (!emu_get_launch(0, &first) || !emu_get_launch(1, &second)) return;
  SUITE_CHECK(strstr(first.kernel, kernel), "%s: launches %s", line, first.kernel);
  SUITE_CHECK(strstr(second.kernel, "merge_batches"), "%s: launches %s", line, second.kernel);
  if (!emu_is_trace()) return;
  SUITE_CHECK((long long)first.distinct_read_bytes == wanted->read &&
                  (long long)first.distinct_written_bytes == wanted->written + wanted->numbers,
              "%s: reads %llu bytes, wants %lld; writes %llu, wants %lld", line,
              first.distinct_read_bytes, wanted->read, first.distinct_written_bytes,
              wanted->written + wanted->numbers);
  SUITE_CHECK((long long)second.distinct_read_bytes >= wanted->numbers &&
                  (long long)second.distinct_read_bytes <= 2 * wanted->numbers,
              "%s: reads %llu bytes of %lld numbers", line, second.distinct_read_bytes,
              wanted->numbers / 8);
}

/* A batch for each sample: no batch is shorter. Forward saves mean, inv_std and the low part of the
 * mean; backward reads them. */
static void expect_both(const char *both, const char *kernel) {
  const virtual_line line = {both, "", ""};
  virtual_pair p = {0};
  if (virtual_open(&p, &line, 1)) {
    const line_problem *const problem = &p.forward.problem;
    const long long tensor = line_elements(problem) * (long long)data_type_bytes(problem->type);
    const long long param =
        line_channels(problem) * (long long)data_type_bytes(line_param_type(problem));
    const long long numbers = 16 * VIRTUAL_SAMPLES * line_channels(problem);
    const cubnBatchNormTensors_t forward = virtual_forward(&p), backward = virtual_backward(&p);
    const expected first = {tensor + 2 * param, tensor + 3 * VIRTUAL_SAMPLES * param, numbers};
    const expected second = {2 * tensor + param + 3 * VIRTUAL_SAMPLES * param, tensor, numbers};
    emu_reset_launches();
    if (expect_success(cubnBatchNormForward(suite_handle(), p.forward.batch_norm, &forward),
                       "forward") &&
        expect_success(cubnSynchronize(suite_handle()), "synchronize"))
      expect_launches(both, kernel, &first);
    emu_reset_launches();
    if (expect_success(cubnBatchNormBackward(suite_handle(), p.backward.batch_norm, &backward),
                       "backward") &&
        expect_success(cubnSynchronize(suite_handle()), "synchronize"))
      expect_launches(both, kernel, &second);
  }
  virtual_close(&p);
}

static void test_launches(void) {
  expect_both("nchw f32 n7c200h4w8", "resident");
  expect_both("nhwc f16 n7c1024h3w3", "resident");
  expect_both("nchw f32 n7c2h184w184", "cluster");
  expect_both("nhwc f32 n7c16h56w56", "cluster");
}

void test_virtual_traffic_suites(void) {
  static const suite_test tests[] = {{"one launch, one pass", test_launches}, {NULL, NULL}};
  suite_add("virtual traffic", SUITE_CUDA, tests);
}
#else
void test_virtual_traffic_suites(void) {}
#endif
