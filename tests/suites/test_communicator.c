/* Descriptors with a communicator: any division of a batch among ranks gives what one call gives.
 * The results of all ranks together are judged by the oracle, with the tolerances of that call. */
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/joint_batch.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

/* The smoke list has all cases with three ranks, and some with others. */
static void check_cases(int ranks) {
  const int step = suite_all_cases() || ranks == 3 ? 1 : 3;
  for (int i = 0; i < joint_case_count; i += step) {
    joint_batch b = {.what = &joint_cases[i], .local_sums = i % 2, .reversed = i % 3 == 1};
    joint_divide(&b, ranks, i);
    if (joint_run(&b)) joint_judge(&b);
    joint_destroy(&b);
  }
}

static void test_one(void) {
  check_cases(1);
}

static void test_two(void) {
  check_cases(2);
}

static void test_three(void) {
  check_cases(3);
}

static void test_four(void) {
  check_cases(4);
}

static void test_seven(void) {
  check_cases(7);
}

/* The results of all ranks have the same bits in whatever order the ranks run. */
static void test_order(void) {
  for (int i = 0; i < joint_case_count; i += 3) {
    joint_batch b[2];
    char report[256] = "";
    bool good = true;
    for (int k = 0; k < 2; ++k) {
      b[k] = (joint_batch){.what = &joint_cases[i], .reversed = k == 1};
      joint_divide(&b[k], 4, 100 + i);
      good = joint_run(&b[k]) && good;
    }
    for (int r = 0; r < 4 && good; ++r) {
      const joint_part *const f = b[0].rank_forward, *const g = b[1].rank_forward;
      SUITE_CHECK(compare_equal(&f[r].problem, &f[r].after, &g[r].problem, &g[r].after, report,
                                sizeof report),
                  "forward: %s", report);
      const joint_part *const p = b[0].rank_backward, *const q = b[1].rank_backward;
      SUITE_CHECK(compare_equal(&p[r].problem, &p[r].after, &q[r].problem, &q[r].after, report,
                                sizeof report),
                  "backward: %s", report);
    }
    joint_destroy(&b[0]);
    joint_destroy(&b[1]);
  }
}

/* One rank has the bits of the call without a communicator. */
static void test_one_is_plain(void) {
  for (int i = 0; i < joint_case_count; ++i) {
    joint_batch b = {.what = &joint_cases[i], .ranks = 1, .shares = {JOINT_IMAGES}};
    joint_part *const parts[] = {&b.rank_forward[0], &b.rank_backward[0]};
    char report[256] = "";
    if (joint_run(&b))
      for (int k = 0; k < 2; ++k) {
        data_set joint;
        if (data_copy(&parts[k]->after, &joint) &&
            joint_call(suite_handle(), NULL, parts[k], false))
          SUITE_CHECK(compare_equal(&parts[k]->problem, &joint, &parts[k]->problem,
                                    &parts[k]->after, report, sizeof report),
                      "%s %s %s: %s", joint_cases[i].layout, joint_cases[i].type,
                      joint_cases[i].words, report);
        data_destroy(&joint);
      }
    joint_destroy(&b);
  }
}

/* Seven ranks without a value leave the running statistics as they were. */
static void test_empty(void) {
  const joint_case what = {"nchw", "f32", "", 1, ""};
  joint_batch b = {.what = &what, .ranks = 3};
  if (joint_run(&b))
    for (int64_t c = 0; c < JOINT_CHANNELS; ++c) {
      const joint_part *const p = &b.rank_forward[1];
      SUITE_CHECK(data_get(&p->after.arrays[DATA_SAVED_MEAN], c) == 0, "saved_mean");
      SUITE_CHECK(data_get(&p->after.arrays[DATA_RUNNING_MEAN], c) ==
                      data_get(&p->before.arrays[DATA_RUNNING_MEAN], c),
                  "running_mean");
      SUITE_CHECK(data_get(&b.rank_backward[2].after.arrays[DATA_DSCALE], c) == 0, "dscale");
    }
  joint_destroy(&b);
}

#ifdef CUBN_TESTS_CUDA
static void check_same_array(const joint_part *p, const joint_part *q, int array) {
  const data_array *const a = &p->after.arrays[array], *const b = &q->after.arrays[array];
  if (data_has(&p->after, array))
    SUITE_CHECK(memcmp(a->block, b->block, a->block_bytes) == 0, "%s has other bits",
                data_array_name(&p->problem, array));
}

/* ---- Gathers in device memory ---- */
static void on_device(void (*test)(void)) {
  engine_select(&engine_on_device);
  test();
  engine_select(NULL);
}

static void test_few_on_device(void) {
  on_device(test_one_is_plain);
  on_device(test_two);
  on_device(test_three);
}

static void test_many_on_device(void) {
  on_device(test_four);
  on_device(test_seven);
  on_device(test_empty);
}

static void test_order_on_device(void) {
#ifdef CUBN_TESTS_EMULATED
  emu_set_lazy_streams(1);
#endif
  on_device(test_order);
#ifdef CUBN_TESTS_EMULATED
  emu_set_lazy_streams(0);
#endif
}

/* Statistics, y and the gradients of parameters have the bits of gathers in host memory. */
static void test_bits_of_host(void) {
  for (int i = 0; i < joint_case_count; i += suite_all_cases() ? 1 : 2) {
    joint_batch b[2];
    char report[256] = "";
    for (int k = 0; k < 2; ++k) {
      b[k] = (joint_batch){.what = &joint_cases[i], .local_sums = i % 2};
      joint_divide(&b[k], 3, i);
      engine_select(k ? &engine_on_device : NULL);
      SUITE_CHECK(joint_run(&b[k]), "case %d", i);
      engine_select(NULL);
    }
    for (int r = 0; r < 3; ++r) {
      const joint_part *const f = b[0].rank_forward, *const g = b[1].rank_forward;
      SUITE_CHECK(compare_equal(&f[r].problem, &f[r].after, &g[r].problem, &g[r].after, report,
                                sizeof report),
                  "case %d, rank %d: %s", i, r, report);
      for (int a = DATA_DSCALE; a <= DATA_DBIAS; ++a)
        check_same_array(&b[0].rank_backward[r], &b[1].rank_backward[r], a);
    }
    joint_destroy(&b[0]);
    joint_destroy(&b[1]);
  }
}
#endif

void test_communicator_suites(void) {
  static const suite_test tests[] = {{"one rank", test_one},
                                     {"two ranks", test_two},
                                     {"three ranks", test_three},
                                     {"four ranks", test_four},
                                     {"seven ranks", test_seven},
                                     {"order of ranks", test_order},
                                     {"bits of one rank", test_one_is_plain},
                                     {"no values", test_empty},
                                     {NULL, NULL}};
  suite_add("communicator", SUITE_DEVICES, tests);
#ifdef CUBN_TESTS_CUDA
  static const suite_test device_tests[] = {{"one to three ranks", test_few_on_device},
                                            {"four and seven ranks", test_many_on_device},
                                            {"order of ranks", test_order_on_device},
                                            {"bits of host memory", test_bits_of_host},
                                            {NULL, NULL}};
  suite_add("communicator on the device", SUITE_CUDA, device_tests);
#endif
}
