/* Which algorithm is chosen for matrices (after fully connected layers), and how much of a device
 * it uses. Needs the emulator: the launches are logged and do not run, on tensors whose memory
 * nobody reads. */
#include "suites/support/suite.h"

void test_selection_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

#include "core/handle.h"
#include "emu/control.h"
#include "kit/problem_line.h"

typedef struct choice {
  const char *line, *algorithm;
  unsigned blocks; /* at least */
} choice;

/* A device of the size of an H100: one launch that reads x once, with blocks for the whole device
 * where there are enough channels. Also where the channels do not fill whole vectors. */
static const choice with_clusters[] = {
    {"train nc f32 n256c10", "resident", 1},
    {"train nc f32 n256c84", "resident", 6},
    {"train nc f32 n256c120", "resident", 8},
    {"train nc f32 n256c512", "resident", 32},
    {"train nc f32 n256c1000", "resident", 63},
    {"train nc f32 n256c1001", "resident", 63},
    {"train nc f32 n256c4096", "resident", 128},
    {"train nc f32 n256c16384", "resident", 256},
    {"train nc f16 n32c10", "resident", 1},
    {"train nc f16 n32c16384", "resident", 128},
    {"train nc f32 n1024c10", "cluster", 8},
    {"train nc f32 n1024c84", "cluster", 48},
    {"train nc f64 n1024c1000", "resident", 125},
    {"train nc f32 n4096c10", "cluster", 8},
    {"train nc f32 n4096c84", "cluster", 48},
    {"train nc f32 n4096c512", "cluster", 231},
    {"train nc bf16 n4096c1000", "cluster", 231},
    {"train nc f16 n4096c16384", "cluster", 231},
    {"backward nc f16 n256c10", "resident", 1},
    {"backward nc f32 n256c84", "cluster", 48},
    {"backward nc f16 n256c84", "cluster", 16},
    {"backward nc f16 n256c120", "cluster", 32},
    {"backward nc f16 n256c512", "cluster", 128},
    {"backward nc f16 n256c1000", "cluster", 231},
    {"backward nc f32 n256c1001", "cluster", 231},
    {"backward nc f16 n256c4096", "resident", 128},
    {"backward nc f16 n256c16384", "resident", 256},
    {"backward nc f32 n4096c84", "cluster", 48},
    {"backward nc f16 n4096c512", "cluster", 128},
    {"backward nc f32 n4096c16384", "cluster", 231},
    {"train nc f32 n20000c3", "two_pass", 7},
    {"backward nc bf16 n70000c5", "two_pass", 21},
    {"backward nc f32 n256c260000 nosaved", "resident", 231},
    {"backward nc f32 n256c270000 nosaved", "two_pass", 231},
};

/* One of the size of an A100. */
static const choice without_clusters[] = {
    {"train nc f32 n256c10", "resident", 1},
    {"train nc f32 n256c1000", "resident", 63},
    {"train nc f32 n256c16384", "resident", 108},
    {"backward nc f16 n256c84", "resident", 3},
    {"backward nc f16 n256c1001", "resident", 32},
    {"train nc f32 n4096c84", "streamed", 84},
    {"train nc f16 n4096c1008", "streamed", 108},
    {"backward nc f32 n4096c16384", "cooperative", 216},
    {"train nc f32 n2000000c16", "two_pass", 432},
};

/* An address of an array that has no memory; a terabyte from one to the next. */
static void *address(int array) {
  return (void *)(((uintptr_t)array << 40) + 4096);
}

/* Makes the call of a line, with tensors that have no memory. */
static cubnStatus_t call(cubnHandle_t handle, const line_problem *p) {
  cubnTensorDescriptor_t x = NULL, params = NULL;
  void *const tensor = address(0), *const scale = address(1), *const bias = address(2);
  const cubnBatchNormMode_t mode = CUBN_BATCHNORM_SPATIAL;
  const double one = 1, zero = 0;
  const float one_f = 1, zero_f = 0;
  const bool in_double = p->type == CUBN_DATA_DOUBLE;
  const void *const a = in_double ? (const void *)&one : &one_f;
  const void *const b = in_double ? (const void *)&zero : &zero_f;
  cubnStatus_t status = cubnCreateTensorDescriptor(&x);
  if (!status) status = cubnCreateTensorDescriptor(&params);
  if (!status)
    status = cubnSetTensor4dDescriptor(x, CUBN_TENSOR_NCHW, p->type, (int)p->dims[0],
                                       (int)p->dims[1], 1, 1);
  if (!status) status = cubnDeriveBNTensorDescriptor(params, x, mode);
  if (!status && p->pass == LINE_TRAIN)
    status = cubnBatchNormalizationForwardTraining(handle, mode, a, b, x, tensor, x, tensor, params,
                                                   scale, bias, 0.1, address(3), address(4), 1e-5,
                                                   address(5), address(6));
  if (!status && p->pass == LINE_BACKWARD)
    status = cubnBatchNormalizationBackward(
        handle, mode, a, b, a, b, x, tensor, x, tensor, x, tensor, params, scale, address(3),
        address(4), 1e-5, p->no_saved ? NULL : address(5), p->no_saved ? NULL : address(6));
  cubnDestroyTensorDescriptor(params);
  cubnDestroyTensorDescriptor(x);
  return status;
}

static void check_choice(cubnHandle_t handle, const choice *wanted) {
  line_problem problem;
  emu_launch_counts launch = {0};
  const char *const error = line_parse(wanted->line, &problem);
  if (!SUITE_CHECK(!error, "%s: %s", wanted->line, error ? error : "")) return;
  emu_reset_launches();
  if (!SUITE_CHECK(call(handle, &problem) == CUBN_STATUS_SUCCESS, "%s fails", wanted->line)) return;
  const char *const name = handle->last_algo->name;
  const unsigned launches = strcmp(wanted->algorithm, "two_pass") ? 1 : 2;
  /* The statistics of many channels take several. */
  const bool are_as_wanted =
      problem.no_saved ? emu_launch_count() > launches : emu_launch_count() == launches;
  SUITE_CHECK(!strcmp(name, wanted->algorithm) && are_as_wanted,
              "%s: %s with %u launches, wanted %s with %u", wanted->line, name, emu_launch_count(),
              wanted->algorithm, launches);
  CU_ASSERT(emu_get_launch(0, &launch));
  SUITE_CHECK(launch.grid[0] >= wanted->blocks, "%s: %u blocks, wanted %u", wanted->line,
              launch.grid[0], wanted->blocks);
}

static int attribute(enum cudaDeviceAttr which) {
  int value = 0;
  CU_ASSERT(cudaDeviceGetAttribute(&value, which, 0) == cudaSuccess);
  return value;
}

static void check_choices(const char *device, int sms, const choice *choices, size_t count) {
  char name[16];
  const int before = attribute(cudaDevAttrMultiProcessorCount);
  snprintf(name, sizeof name, "sm%d%d", attribute(cudaDevAttrComputeCapabilityMajor),
           attribute(cudaDevAttrComputeCapabilityMinor));
  cubnHandle_t handle = NULL;
  emu_set_device(device, sms);
  emu_set_dry_launches(1);
  if (SUITE_CHECK(cubnCreateOnDevice(&handle, "cuda") == CUBN_STATUS_SUCCESS, "no %s", device)) {
    for (size_t i = 0; i < count; ++i) check_choice(handle, &choices[i]);
    CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
  }
  emu_set_dry_launches(0);
  emu_set_device(name, before);
}

static void test_matrices(void) {
  check_choices("sm90", 132, with_clusters, sizeof with_clusters / sizeof with_clusters[0]);
  check_choices("sm80", 108, without_clusters,
                sizeof without_clusters / sizeof without_clusters[0]);
}

void test_selection_suites(void) {
  static const suite_test tests[] = {{"matrices", test_matrices}, {0}};
  suite_add("selection", SUITE_CUDA, tests);
}
#else
void test_selection_suites(void) {}
#endif
