/* The streamed algorithm where the L2 cache has room for only a few units of channels, so that
 * blocks reduce some units while they apply others, and wait for each other. Needs the emulator,
 * whose L2 cache can be arbitrarily small. */
#include "suites/support/suite.h"

void test_streamed_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "emu/control.h"
#include "kit/run_line.h"

enum { DEFAULT_WINDOW = 4 };

/* Units of about 128 KB, of which 3 fit into the window; 8 tasks of 32 KB run at a time. */
static const struct {
  const char *line;
  unsigned l2_kib;
} cases[] = {
    {"train nchw f32 n2c12h128w129", 1000},
    {"train nchw f16 n3c9h100w131 offset=1 inplace", 1000},
    {"train nchw f32 n1c11h150w151 mean=1e4 data=onehot", 1100},
    {"train nhwc f16 n2c256h32w33 norunning", 1000},
    {"train nhwc f32 n2c184h32w33 mean=1e4", 2300},
    {"train nhwc f32 n2c132h32w33 data=spread", 1600},
    {"backward nchw f32 n2c12h128w129 inplace_x pbeta=1", 2000},
    {"backward nhwc bf16 n2c256h32w33 inplace", 2000},
    {"backward nhwc f16 n2c336h32w33 inplace_x", 3200},
};

/* With several numbers of resident blocks: even a single one must finish. */
static void test_small_caches(void) {
  static const unsigned windows[] = {1, 3, 16};
  setenv("CUBN_ALGO", "streamed", 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    cubnHandle_t handle = NULL;
    char report[1024] = "";
    emu_set_l2_bytes((unsigned long long)cases[i].l2_kib << 10);
    CU_ASSERT_FATAL(cubnCreateOnDevice(&handle, "cuda") == CUBN_STATUS_SUCCESS);
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; ++w) {
      emu_set_window(windows[w]);
      SUITE_CHECK(run_text(handle, cases[i].line, report, sizeof report), "%s", report);
      SUITE_CHECK(handle->last_algo && !strcmp(handle->last_algo->name, "streamed"),
                  "%s: refused by streamed", cases[i].line);
    }
    CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
  }
  unsetenv("CUBN_ALGO");
  emu_set_window(DEFAULT_WINDOW);
  emu_set_l2_bytes(0);
}

void test_streamed_suites(void) {
  static const suite_test tests[] = {{"small caches", test_small_caches}, {0}};
  suite_add("streamed", SUITE_CUDA, tests);
}
#else
void test_streamed_suites(void) {}
#endif
