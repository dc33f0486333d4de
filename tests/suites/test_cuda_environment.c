/* What the CUDA backend does to a process, and what it needs of it: contexts, streams of threads,
 * kernels that are loaded, shared memory that a compiler takes. Needs the emulator. */
#include "suites/support/suite.h"

void test_cuda_environment_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <cuda.h>
#include <pthread.h>
#include <string.h>

#include "emu/control.h"
#include "kit/cases.h"
#include "suites/support/cuda_call.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Contexts ---- */

/* Everything that a handle does on a device other than the current one. */
static void use_handle(const char *device) {
  cubnHandle_t handle = NULL;
  cubnBuffer_t buffer = NULL;
  char report[1024];
  expect_success(cubnCreateOnDevice(&handle, device), device);
  for (size_t i = 0; i < CUDA_LINES; ++i)
    SUITE_CHECK(run_text(handle, cuda_lines[i], report, sizeof report), "%s: %s", device, report);
  expect_success(cubnCreateBuffer(handle, 100, &buffer), "cubnCreateBuffer");
  expect_success(cubnFillBuffer(buffer, 7), "cubnFillBuffer");
  expect_success(cubnDestroyBuffer(buffer), "cubnDestroyBuffer");
  expect_success(cubnSynchronize(handle), "cubnSynchronize");
  expect_success(cubnDestroy(handle), "cubnDestroy");
}

static CUcontext current_context(void) {
  CUresult (*get_current)(CUcontext *) = NULL;
  enum cudaDriverEntryPointQueryResult result;
  CUcontext context = NULL;
  void *found = NULL;
  cuda_ok(cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", &found, 12000, cudaEnableDefault,
                                           &result),
          "cuCtxGetCurrent");
  memcpy(&get_current, &found, sizeof get_current);
  CU_ASSERT_EQUAL(get_current(&context), CUDA_SUCCESS);
  return context;
}

static void expect_contexts(int first, int second, int third, int current) {
  const int wanted[] = {first, second, third};
  int device = -1;
  for (int i = 0; i < 3; ++i)
    SUITE_CHECK(emu_has_primary_context(i) == wanted[i], "device %d has %d contexts, wanted %d", i,
                emu_has_primary_context(i), wanted[i]);
  cuda_ok(cudaGetDevice(&device), "cudaGetDevice");
  CU_ASSERT_EQUAL(device, current);
}

/* A thread that has not used any device uses a handle: only the device of that has a context
 * afterwards, and the thread has none. A context that is current stays so. */
static void test_contexts(void) {
  emu_set_device_count(3);
  emu_forget_contexts();
  use_handle("cuda:1");
  expect_contexts(0, 1, 0, 0);
  CU_ASSERT_PTR_NULL(current_context());
  cudaSetDevice(2);
  const CUcontext context = current_context();
  use_handle("cuda:1");
  CU_ASSERT_PTR_EQUAL(current_context(), context);
  use_handle("cuda");
  CU_ASSERT_PTR_EQUAL(current_context(), context);
  expect_contexts(0, 1, 1, 2);
  cudaSetDevice(0);
  emu_set_device_count(1);
}

/* ---- The streams of threads ---- */

typedef struct other_thread {
  cuda_call *call;
  cubnStream_t stream;
  bool sets_stream;
  void *workspace;
  cubnStatus_t status;
  char message[256]; /* of the failed call */
} other_thread;

static void *workspace_of(cubnHandle_t handle) {
  void *memory = NULL;
  size_t bytes = 0;
  expect_success(handle->backend->workspace(handle->device, &memory, &bytes), "workspace");
  return memory;
}

static void *run_other_thread(void *argument) {
  other_thread *const t = argument;
  const cubnHandle_t handle = t->call->handle;
  if (t->sets_stream) {
    expect_success(cubnSetStream(handle, cudaStreamPerThread), "cubnSetStream");
    expect_success(run_upload(&t->call->run, &t->call->before), "upload");
    t->workspace = workspace_of(handle);
  }
  t->status = run_call(&t->call->run);
  cubnGetLastErrorString(t->message, sizeof t->message);
  return NULL;
}

static void run_and_join(other_thread *other) {
  pthread_t thread;
  CU_ASSERT_FATAL(pthread_create(&thread, NULL, run_other_thread, other) == 0);
  pthread_join(thread, NULL);
}

/* Work of two threads, each on its own stream cudaStreamPerThread, at the same time. */
static void two_threads(const char *line, const cubn_algo *algo, void *state) {
  const cubnHandle_t handle = suite_handle();
  cuda_call calls[2];
  (void)state;
  if (!cuda_call_begin(&calls[0], handle, line) || !cuda_call_begin(&calls[1], handle, line))
    return;
  cuda_call_drop_data(&calls[1]);
  cuda_call_make_data(&calls[1], 7);
  other_thread other = {.call = &calls[1], .sets_stream = true};
  expect_success(cubnSetStream(handle, cudaStreamPerThread), "cubnSetStream");
  void *const own = workspace_of(handle);
  expect_success(run_call(&calls[0].run), line);
  run_and_join(&other);
  expect_success(other.status, line);
  CU_ASSERT_PTR_EQUAL(workspace_of(handle), own);
  CU_ASSERT_PTR_NOT_EQUAL(other.workspace, own);
  cuda_ok(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  for (int i = 0; i < 2; ++i) {
    cuda_call_check(&calls[i], algo->name, i == 0 ? "on the first thread" : "on the second thread");
    cuda_call_end(&calls[i]);
  }
  expect_success(cubnSetStream(handle, NULL), "cubnSetStream");
}

static void test_threads(void) {
  emu_set_lazy_streams(1);
  cuda_for_each_algo(two_threads, NULL);
  emu_set_lazy_streams(0);
}

/* A thread that has not set the handle to its stream has no workspace, and a call allocates none.
 * The default stream has one, by either name. */
static void test_other_threads(void) {
  const cubnHandle_t handle = suite_handle();
  cuda_call call;
  void *const default_workspace = workspace_of(handle);
  if (!cuda_call_begin(&call, handle, LINE_WITH_PARTIAL_SUMS)) return;
  expect_success(cubnSetStream(handle, cudaStreamLegacy), "cubnSetStream");
  CU_ASSERT_PTR_EQUAL(workspace_of(handle), default_workspace);
  other_thread other = {.call = &call};
  run_and_join(&other);
  expect_success(other.status, "the default stream in another thread");
  expect_success(cubnSetStream(handle, cudaStreamPerThread), "cubnSetStream");
  run_and_join(&other);
  SUITE_CHECK(other.status == CUBN_STATUS_BAD_PARAM && strstr(other.message, "cubnSetStream") &&
                  strstr(other.message, "cudaStreamPerThread"),
              "status %s, message \"%s\"", cubnGetErrorString(other.status), other.message);
  expect_success(run_upload(&call.run, &call.before), call.line);
  expect_success(run_call(&call.run), call.line);
  cuda_call_check(&call, "any", "after a refused call of another thread");
  cuda_call_end(&call);
}

/* ---- Kernels ---- */

static void run_dry(const char *line, void *context) {
  const cubnHandle_t handle = context;
  line_problem problem;
  CU_ASSERT_PTR_NULL(line_parse(line, &problem));
  for (const cubn_algo *const *algo = handle->backend->algos[problem.pass]; *algo; ++algo) {
    cuda_call c;
    strcpy(handle->forced_algo, (*algo)->name);
    if (!cuda_call_begin(&c, handle, line)) return;
    expect_success(run_call(&c.run), line);
    cuda_call_end(&c);
  }
}

/* Every kernel is loaded when a handle is created, and no call loads one. */
static void test_loads(void) {
  static const char *const devices[] = {"sm75", "sm80", "sm90"};
  for (size_t i = 0; i < COUNT_OF(devices); ++i) {
    cubnHandle_t handle = NULL;
    emu_set_device(devices[i], 4);
    emu_unload_kernels();
    expect_success(cubnCreateOnDevice(&handle, "cuda"), devices[i]);
    cases_visit(CASES_SMOKE, run_dry, handle);
    SUITE_CHECK(emu_late_loads() == 0, "%s: calls load %u kernels", devices[i], emu_late_loads());
    expect_success(cubnDestroy(handle), "cubnDestroy");
  }
  emu_set_device("sm90", 4);
}

/* The algorithms that use all shared memory of an SM. A compiler may lay out more static memory
 * than today's does: they use so much less, and their kernels ask for the room. */
static void test_static_memory(void) {
  static const struct {
    const char *algo, *line;
  } cases[] = {{"resident", "train nchw f32 n2c4h101w101"},
               {"cluster", "train nhwc f32 n8c6h8w8"},
               {"cooperative", "backward nhwc f32 n8c6h8w8"}};
  enum { SM90_OPTIN = 227 << 10, STATIC = 200 };
  cubnHandle_t handle = NULL;
  char report[1024];
  emu_launch_counts counts;
  emu_set_static_shared_bytes(STATIC);
  expect_success(cubnCreateOnDevice(&handle, "cuda"), "handle");
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    strcpy(handle->forced_algo, cases[i].algo);
    emu_reset_launches();
    SUITE_CHECK(run_text(handle, cases[i].line, report, sizeof report), "%s", report);
    CU_ASSERT_STRING_EQUAL(handle->last_algo->name, cases[i].algo);
    CU_ASSERT(emu_get_launch(emu_launch_count() - 1, &counts));
    SUITE_CHECK(counts.carveout == cudaSharedmemCarveoutMaxShared &&
                    counts.dynamic_shared_bytes + STATIC <= SM90_OPTIN,
                "%s: %llu bytes, carveout %d", cases[i].line, counts.dynamic_shared_bytes,
                counts.carveout);
  }
  expect_success(cubnDestroy(handle), "cubnDestroy");
  emu_set_static_shared_bytes(32);
}
#endif

void test_cuda_environment_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {
      {"contexts", test_contexts},
      {"streams of threads", test_threads},
      {"a stream of another thread", test_other_threads},
      {"no call loads a kernel", test_loads},
      {"static shared memory", test_static_memory},
      {NULL, NULL},
  };
  suite_add("cuda environment", SUITE_CUDA, tests);
#endif
}
