/* The test program. Runs the suites without a device, then on each device that there is. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/suite.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

/* One per file test_*.c. */
void test_problem_layout_suites(void);
void test_problem_line_suites(void);
void test_oracle_suites(void);
void test_oracle_differences_suites(void);
void test_compare_suites(void);
void test_data_suites(void);
void test_acceptance_numerics_suites(void);
void test_acceptance_running_suites(void);
void test_acceptance_shapes_suites(void);
void test_acceptance_suites(void);
void test_algorithms_suites(void);
void test_api_errors_descriptor_suites(void);
void test_api_errors_setup_suites(void);
void test_api_errors_suites(void);
void test_api_errors_tensors_suites(void);
void test_api_errors_activation_suites(void);
void test_api_errors_extended_suites(void);
void test_api_errors_fused_suites(void);
void test_api_errors_sizes_suites(void);
void test_buffer_suites(void);
void test_cpu_targets_suites(void);
void test_smooth_activations_suites(void);
void test_runs_suites(void);
void test_cuda_backend_suites(void);
void test_descriptor_suites(void);
void test_determinism_suites(void);
void test_double_channels_suites(void);
void test_example_suites(void);
void test_extended_suites(void);
void test_fused_suites(void);
void test_graph_suites(void);
void test_host_path_suites(void);
void test_handle_suites(void);
void test_log_suites(void);
void test_callback_suites(void);
void test_normalization_suites(void);
void test_fold_suites(void);
void test_parameters_suites(void);
void test_random_suites(void);
void test_reserve_suites(void);
void test_rounding_suites(void);
void test_selection_suites(void);
void test_semantics_passes_suites(void);
void test_semantics_suites(void);
void test_streamed_suites(void);
void test_cooperative_suites(void);
void test_synchronized_suites(void);
void test_traffic_suites(void);
void test_threads_suites(void);
void test_idx_suites(void);
void test_nn_suites(void);
void test_nn_checkpoint_suites(void);
void test_nn_network_suites(void);
void test_nn_reference_suites(void);
void test_nn_training_suites(void);
void test_large_suites(void); /* only with --large */

static void (*const register_suites[])(void) = {
    test_problem_layout_suites,
    test_problem_line_suites,
    test_oracle_suites,
    test_oracle_differences_suites,
    test_compare_suites,
    test_data_suites,
    test_acceptance_numerics_suites,
    test_acceptance_running_suites,
    test_acceptance_shapes_suites,
    test_acceptance_suites,
    test_algorithms_suites,
    test_api_errors_descriptor_suites,
    test_api_errors_setup_suites,
    test_api_errors_suites,
    test_api_errors_tensors_suites,
    test_api_errors_activation_suites,
    test_api_errors_extended_suites,
    test_api_errors_fused_suites,
    test_api_errors_sizes_suites,
    test_buffer_suites,
    test_cpu_targets_suites,
    test_smooth_activations_suites,
    test_runs_suites,
    test_cuda_backend_suites,
    test_descriptor_suites,
    test_determinism_suites,
    test_double_channels_suites,
    test_example_suites,
    test_extended_suites,
    test_fused_suites,
    test_graph_suites,
    test_host_path_suites,
    test_handle_suites,
    test_log_suites,
    test_callback_suites,
    test_normalization_suites,
    test_fold_suites,
    test_parameters_suites,
    test_random_suites,
    test_reserve_suites,
    test_rounding_suites,
    test_selection_suites,
    test_semantics_passes_suites,
    test_semantics_suites,
    test_streamed_suites,
    test_cooperative_suites,
    test_synchronized_suites,
    test_traffic_suites,
    test_threads_suites,
    test_idx_suites,
    test_nn_suites,
    test_nn_checkpoint_suites,
    test_nn_network_suites,
    test_nn_reference_suites,
    test_nn_training_suites,
};

typedef struct main_options {
  suite_options suites;
  bool large;
  const char *device; /* NULL: all */
  const char *seeds;  /* schedules of the emulator, "1,2,3" */
  const char *gpu;    /* that the emulator stands for, "sm75" */
} main_options;

static const char usage[] =
    "usage: cubn-tests [options]\n"
    "  --device cpu|cuda   only there (default: wherever the machine allows)\n"
    "  --suite NAME        only suites whose names begin like this\n"
    "  --cases smoke|all   lists of problem lines to run (default: smoke)\n"
    "  --seeds 1,2,3       emulated kernels: one pass for each of these schedules\n"
    "  --gpu sm75          emulated kernels: the GPU that the emulator stands for\n"
    "  --large             only the tests that need gigabytes\n"
    "  --verbose           name every test\n";

/* Returns NULL, or the word that was not understood. */
static const char *read_options(int count, char **words, main_options *options) {
  for (int i = 1; i < count; ++i) {
    const char *const word = words[i], *const value = i + 1 < count ? words[i + 1] : NULL;
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

/* Runs all suites of one pass. Returns the number of failures. */
static unsigned run_pass(const main_options *main, int where, const char *title) {
  suite_options options = main->suites;
  options.where = where;
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  suite_begin_pass(&options);
  if (main->large) test_large_suites();
  for (size_t i = 0; i < sizeof register_suites / sizeof register_suites[0] && !main->large; ++i)
    register_suites[i]();
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
  enum { FEW_MULTIPROCESSORS = 20 }; /* so that small problems take the ways of large ones, too */
  emu_set_device(name, FEW_MULTIPROCESSORS);
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
    else if (options.device) /* it was asked for */
      failures += 1;
  }
  if (suite_added_count() == 0) {
    fprintf(stderr, "cubn-tests: no suite to run\n");
    failures += 1;
  }
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
