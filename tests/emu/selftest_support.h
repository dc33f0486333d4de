/* How the self-tests run: each in a child process per schedule seed, because an error report of the
 * emulator ends the process. */
#ifndef CUBN_TESTS_EMU_SELFTEST_SUPPORT_H
#define CUBN_TESTS_EMU_SELFTEST_SUPPORT_H

#include <cuda_runtime_api.h>
#include <stddef.h>

#ifdef EMU_SELFTEST_ON_GPU
static inline void emu_set_seed(unsigned seed) {
  (void)seed;
}
#else
#include "control.h"
#endif

/* In a child: a wrong result ends the process with WRONG, an unexpected CUDA error with its
 * name. */
#define REQUIRE(condition) selftest_require((condition) != 0, #condition, __FILE__, __LINE__)
#define REQUIRE_CUDA(call) selftest_require_cuda((call), #call, __FILE__, __LINE__)

void selftest_require(int is_true, const char *text, const char *file, int line);
void selftest_require_cuda(cudaError_t error, const char *text, const char *file, int line);

/* The expected result of a test, per build. NULL: the build cannot detect this mistake. */
#define MUST_PASS ""
#define MUST_BE_WRONG "WRONG"
typedef struct selftest_case {
  const char *name;
  void (*run)(int argument);
  int argument;
  const char *plain; /* MUST_PASS, or text that must be in the report */
  const char *asan;
  const char *trace;
  int seeds; /* 0: the usual number */
  int rare;  /* not every seed must give the report */
} selftest_case;

/* Registers the cases that are meaningful in this build. */
int selftest_add_cases(const char *suite, const selftest_case *cases, size_t count);

void *upload(const void *host, size_t size_bytes);                /* host NULL: left as allocated */
void download(void *host, const void *device, size_t size_bytes); /* after a synchronization */

unsigned short half_of(float value); /* exact small values only */
unsigned short bfloat_of(float value);
float float_of_half(unsigned short bits);
float float_of_bfloat(unsigned short bits);

/* selftest_kernel_cases.c, selftest_bug_cases.c, selftest_runtime_cases.c, ... */
int add_kernel_cases(void);
int add_function_cases(void);
int add_batchnorm_cases(void);
int add_async_cases(void);
int add_bug_cases(void);
int add_stream_cases(void);
int add_runtime_cases(void);
int add_memory_cases(void);
int add_device_cases(void);

#endif
