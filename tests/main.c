/* The test program. Runs the suites without a device, then on each device that there is; or, given
 * problem lines, each line on each device. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/select.h"
#include "suites/all.h"
#include "suites/support/lines.h"
#include "suites/support/suite.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

typedef struct main_options {
  suite_options suites;
  bool large;
  char **lines; /* problem lines to run instead of the suites */
  int line_count;
  const char *device; /* NULL: all devices */
  const char *seeds;  /* schedules of the emulator, "1,2,3" */
  const char *gpu;    /* that the emulator models, "sm75" */
} main_options;

static const char usage[] =
    "usage: cubn-tests [options] [problem line]...\n"
    "Without a problem line all suites run; with lines, such as\n"
    "  cubn-tests 'train nhwc f16 n2c64h5w5' 'backward nchw f32 n4c3h7w7 relu'\n"
    "every algorithm that accepts a line runs it and is compared with the oracle.\n"
    "  --device cpu|cuda   only there (default: wherever the machine allows)\n"
    "  --suite NAME        only suites whose names begin like this\n"
    "  --algo NAME         suite algorithms: only this algorithm\n"
    "  --cases smoke|all   lists of problem lines to run (default: smoke)\n"
    "  --seeds 1,2,3       emulated kernels: one pass for each of these schedules\n"
    "  --gpu sm75          emulated kernels: the GPU that the emulator models\n"
    "  --large             only the tests that need gigabytes\n"
    "  --verbose           name every test\n";

/* Returns NULL, or the word that is no option. Words that do not begin with "-" are lines; they are
 * moved to the front of `words`. */
static const char *read_options(int count, char **words, main_options *options) {
  options->lines = words;
  for (int i = 1; i < count; ++i) {
    const char *const word = words[i], *const value = i + 1 < count ? words[i + 1] : NULL;
    if (word[0] != '-') {
      options->lines[options->line_count++] = words[i];
      continue;
    }
    if (!strcmp(word, "--large")) {
      options->large = true;
      continue;
    }
    if (!strcmp(word, "--verbose")) {
      options->suites.verbose = true;
      continue;
    }
    if (!value) return word;
    ++i;
    if (!strcmp(word, "--device") && (!strcmp(value, "cpu") || !strcmp(value, "cuda")))
      options->device = value;
    else if (!strcmp(word, "--suite"))
      options->suites.only = value;
    else if (!strcmp(word, "--algo") && cubn_algo_exists(value))
      options->suites.algo = value;
    else if (!strcmp(word, "--cases") && (!strcmp(value, "smoke") || !strcmp(value, "all")))
      options->suites.all_cases = !strcmp(value, "all");
    else if (!strcmp(word, "--seeds"))
      options->seeds = value;
    else if (!strcmp(word, "--gpu"))
      options->gpu = value;
    else
      return word;
  }
  return NULL;
}

/* Runs the problem lines on one device. Returns the number of failures. */
static unsigned run_lines(const main_options *main, int where, const char *title) {
  cubnHandle_t handle = NULL;
  const char *const device = where == SUITE_CPU ? "cpu" : "cuda";
  if (where == SUITE_HOST) return 0;
  printf("\n==== %s\n", title);
  if (cubnCreateOnDevice(&handle, device) != CUBN_STATUS_SUCCESS) return 1;
  unsigned failures = 0;
  for (int i = 0; i < main->line_count; ++i) failures += lines_run(handle, main->lines[i]);
  return failures + (cubnDestroy(handle) != CUBN_STATUS_SUCCESS);
}

/* Runs all suites of one pass, or the problem lines. Returns the number of failures. */
static unsigned run_pass(const main_options *main, int where, const char *title) {
  suite_options options = main->suites;
  options.where = where;
  if (main->line_count) return run_lines(main, where, title);
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  suite_begin_pass(&options);
  if (main->large)
    add_large_suites();
  else
    add_all_suites();
  unsigned failures = 0;
  if (CU_get_registry()->uiNumberOfTests > 0) {
    printf("\n==== %s\n", title);
    fflush(stdout);
    CU_basic_set_mode(options.verbose ? CU_BRM_VERBOSE : CU_BRM_NORMAL);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed() +
               CU_get_number_of_tests_failed();
    printf("%s: %s\n", title, failures ? "FAILED" : "passed");
  }
  CU_cleanup_registry();
  return failures;
}

static bool has_device(const char *device) {
  char message[256];
  cubnHandle_t handle = NULL;
  if (cubnCreateOnDevice(&handle, device) == CUBN_STATUS_SUCCESS) {
    cubnDestroy(handle);
    return true;
  }
  cubnGetLastErrorString(message, sizeof message);
  printf("%s: not tested: %s\n", device, message);
  return false;
}

#ifdef CUBN_TESTS_EMULATED
static unsigned run_cuda(const main_options *options) {
  unsigned failures = 0;
  const char *rest = options->seeds ? options->seeds : "1";
  while (*rest) {
    char title[96], *end;
    main_options pass = *options;
    pass.suites.seed = (unsigned)strtoul(rest, &end, 10);
    emu_set_seed(pass.suites.seed);
    snprintf(title, sizeof title, "cuda, emulated%s%s, schedule %u", pass.gpu ? " " : "",
             pass.gpu ? pass.gpu : "", pass.suites.seed);
    failures += run_pass(&pass, SUITE_CUDA, title);
    rest = *end == ',' ? end + 1 : "";
  }
  return failures;
}

static void choose_gpu(const char *name) {
  enum { FEW_SMS = 20 }; /* Small problems then take the paths of large ones. */
  emu_set_device(name, FEW_SMS);
}
#else
static unsigned run_cuda(const main_options *options) {
  return run_pass(options, SUITE_CUDA, "cuda");
}

static void choose_gpu(const char *name) {
  printf("--gpu %s: left out, nothing is emulated\n", name);
}
#endif

int main(int count, char **words) {
  main_options options = {0};
  const char *const wrong = read_options(count, words, &options);
  if (wrong) {
    fprintf(stderr, "cubn-tests: %s?\n%s", wrong, usage);
    return 2;
  }
  unsigned failures = 0;
  if (options.gpu) choose_gpu(options.gpu);
  if (!options.device) failures += run_pass(&options, SUITE_HOST, "without a device");
  if (!options.device || !strcmp(options.device, "cpu"))
    failures += run_pass(&options, SUITE_CPU, "cpu");
  if (!options.device || !strcmp(options.device, "cuda")) {
    if (has_device("cuda"))
      failures += run_cuda(&options);
    else if (options.device) /* the user asks for it */
      failures += 1;
  }
  if (suite_added_count() == 0 && !options.line_count) {
    fprintf(stderr, "cubn-tests: no suite to run\n");
    failures += 1;
  }
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
