/* Host memory runs out: every allocation of every function that allocates fails once. The status
 * and the message say so, the caller's pointer is as it was, nothing leaks, and the same call works
 * afterwards. */
#include <string.h>

#include "cubn.h"
#include "suites/support/expect_error.h"
#include "suites/support/wrapped.h"

#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>

#include "emu/control.h"
#endif

void test_host_memory_suites(void);

enum { ALLOCATIONS_MAX = 50 };

/* What a function of the library creates. */
static void *created, *const untouched = (void *)(uintptr_t)0xa5a5;
static cubnHandle_t open_handle; /* that it needs */

typedef struct creator {
  const char *function;
  cubnStatus_t (*create)(void);
  cubnStatus_t (*destroy)(void);
} creator;

static cubnStatus_t create_handle(void) {
  return cubnCreateOnDevice((cubnHandle_t *)&created, suite_device());
}

static cubnStatus_t create_any_handle(void) {
  return cubnCreate((cubnHandle_t *)&created);
}

static cubnStatus_t destroy_handle(void) {
  return cubnDestroy(created);
}

static cubnStatus_t create_buffer(void) {
  return cubnCreateBuffer(open_handle, 1000, (cubnBuffer_t *)&created);
}

static cubnStatus_t destroy_buffer(void) {
  return cubnDestroyBuffer(created);
}

static cubnStatus_t create_tensor(void) {
  return cubnCreateTensorDescriptor((cubnTensorDescriptor_t *)&created);
}

static cubnStatus_t destroy_tensor(void) {
  return cubnDestroyTensorDescriptor(created);
}

static cubnStatus_t create_activation(void) {
  return cubnCreateActivationDescriptor((cubnActivationDescriptor_t *)&created);
}

static cubnStatus_t destroy_activation(void) {
  return cubnDestroyActivationDescriptor(created);
}

static cubnStatus_t create_batch_norm(void) {
  return cubnCreateBatchNormDescriptor((cubnBatchNormDescriptor_t *)&created);
}

static cubnStatus_t destroy_batch_norm(void) {
  return cubnDestroyBatchNormDescriptor(created);
}

static const creator creators[] = {
    {"cubnCreateOnDevice", create_handle, destroy_handle},
    {"cubnCreate", create_any_handle, destroy_handle},
    {"cubnCreateBuffer", create_buffer, destroy_buffer},
    {"cubnCreateTensorDescriptor", create_tensor, destroy_tensor},
    {"cubnCreateActivationDescriptor", create_activation, destroy_activation},
    {"cubnCreateBatchNormDescriptor", create_batch_norm, destroy_batch_norm},
};

/* On a CPU the memory of a buffer is the device's. */
static void expect_no_memory(const char *function, int nth, cubnStatus_t status) {
  const bool is_buffer = strcmp(function, "cubnCreateBuffer") == 0;
  const cubnStatus_t wanted = is_buffer && nth > 1 ? CUBN_STATUS_DEVICE_ALLOCATION_FAILED
                                                   : CUBN_STATUS_HOST_ALLOCATION_FAILED;
  expect_error(status, wanted, function, "no memory for", NULL);
  SUITE_CHECK(created == untouched, "%s, allocation %d fails: the pointer was written", function,
              nth);
}

/* Fails the nth allocation; returns whether there was one. */
static bool fail_allocation(const creator *c, int nth) {
  const int live = wrapped_live();
  created = untouched;
  wrapped_watch(nth);
  const cubnStatus_t status = c->create();
  const bool has_failed = wrapped_end_watch() >= nth;
  if (has_failed)
    expect_no_memory(c->function, nth, status);
  else if (expect_success(status, c->function))
    expect_success(c->destroy(), c->function);
  SUITE_CHECK(wrapped_live() == live, "%s, allocation %d fails: %d allocations leak", c->function,
              nth, wrapped_live() - live);
  return has_failed;
}

static void test_creation(void) {
  if (!expect_success(cubnCreateOnDevice(&open_handle, suite_device()), "create")) return;
  for (size_t i = 0; i < sizeof creators / sizeof *creators; ++i) {
    int nth = 1;
    while (nth < ALLOCATIONS_MAX && fail_allocation(&creators[i], nth)) ++nth;
    SUITE_CHECK(nth > 1 && nth < ALLOCATIONS_MAX, "%s makes %d allocations", creators[i].function,
                nth - 1);
  }
  cubnDestroy(open_handle);
}

#ifdef CUBN_TESTS_EMULATED
/* A new stream needs a workspace. The handle keeps its stream. */
static void test_stream(void) {
  cudaStream_t stream = NULL;
  cubnStream_t current = NULL;
  const unsigned long long device_bytes = emu_live_bytes();
  if (!expect_success(cubnCreateOnDevice(&open_handle, suite_device()), "create")) return;
  CU_ASSERT_EQUAL_FATAL(cudaStreamCreate(&stream), cudaSuccess);
  const int live = wrapped_live();
  wrapped_watch(1);
  const cubnStatus_t status = cubnSetStream(open_handle, stream);
  CU_ASSERT(wrapped_end_watch() >= 1);
  expect_error(status, CUBN_STATUS_HOST_ALLOCATION_FAILED, "cubnSetStream", "no memory for", NULL);
  CU_ASSERT_EQUAL(wrapped_live(), live);
  expect_success(cubnGetStream(open_handle, &current), "cubnGetStream");
  CU_ASSERT_PTR_NULL(current);
  expect_success(cubnSetStream(open_handle, stream), "cubnSetStream");
  expect_success(cubnDestroy(open_handle), "cubnDestroy");
  CU_ASSERT_EQUAL(cudaStreamDestroy(stream), cudaSuccess);
  CU_ASSERT_EQUAL(emu_live_bytes(), device_bytes);
}
#endif

void test_host_memory_suites(void) {
  static const suite_test tests[] = {{"each allocation fails once", test_creation}, {NULL, NULL}};
  suite_add("host memory", SUITE_DEVICES, tests);
#ifdef CUBN_TESTS_EMULATED
  static const suite_test emulated[] = {{"a new stream without memory", test_stream}, {NULL, NULL}};
  suite_add("host memory of streams", SUITE_CUDA, emulated);
#endif
}
