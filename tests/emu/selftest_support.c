#define _GNU_SOURCE
#include "selftest_support.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRONG_EXIT_CODE = 2, CUDA_ERROR_EXIT_CODE = 3, EMULATOR_EXIT_CODE = 97 };
enum { USUAL_SEEDS = 10, MAX_CASES = 128, REPORT_BYTES = 60000 };

typedef struct outcome {
  int exit_code; /* -1: a signal */
  char report[REPORT_BYTES];
} outcome;

static const selftest_case *registered[MAX_CASES];
static size_t registered_count;

void selftest_require(int is_true, const char *text, const char *file, int line) {
  if (is_true) return;
  printf("%s:%d WRONG: %s\n", file, line, text);
  fflush(stdout);
  _exit(WRONG_EXIT_CODE);
}

void selftest_require_cuda(cudaError_t error, const char *text, const char *file, int line) {
  if (error == cudaSuccess) return;
  printf("%s:%d %s: %s\n", file, line, text, cudaGetErrorName(error));
  fflush(stdout);
  _exit(CUDA_ERROR_EXIT_CODE);
}

static const char *expectation(const selftest_case *test) {
#if defined(EMU_SELFTEST_ASAN)
  return test->asan;
#elif defined(EMU_SELFTEST_TRACE)
  return test->trace;
#else
  return test->plain;
#endif
}

static void run_child(const selftest_case *test, unsigned seed, int output) {
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  emu_set_seed(seed);
  test->run(test->argument);
  fflush(stdout);
  _exit(0);
}

static void run_once(const selftest_case *test, unsigned seed, outcome *result) {
  int channel[2];
  fflush(stdout);
  if (pipe(channel) != 0) abort();
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) run_child(test, seed, channel[1]);
  close(channel[1]);
  size_t length = 0;
  ssize_t got;
  while ((got = read(channel[0], result->report + length, REPORT_BYTES - 1 - length)) > 0) {
    length += (size_t)got;
  }
  result->report[length] = '\0';
  close(channel[0]);
  int status;
  waitpid(child, &status, 0);
  result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int is_expected(const outcome *result, const char *expected) {
  if (*expected == '\0') return result->exit_code == 0;
  if (strstr(result->report, expected) == NULL) return 0;
  if (strcmp(expected, MUST_BE_WRONG) == 0) return result->exit_code == WRONG_EXIT_CODE;
  if (expected[0] == '[') return result->exit_code == EMULATOR_EXIT_CODE;
  return result->exit_code != 0;
}

static void run_seeds(const selftest_case *test) {
  static outcome result;
  const char *expected = expectation(test);
  const char *wanted_seeds = getenv("CUBN_EMU_SELFTEST_SEEDS");
  int seeds = test->seeds != 0 ? test->seeds : USUAL_SEEDS;
  if (wanted_seeds != NULL && test->seeds != 1) seeds = atoi(wanted_seeds);
#ifdef EMU_SELFTEST_ON_GPU
  seeds = 1;
#endif
  int hits = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    run_once(test, (unsigned)seed, &result);
    if (is_expected(&result, expected)) {
      ++hits;
    } else if (!test->rare) {
      printf("\n    seed %d: exit code %d, expected '%s', got: %.800s\n", seed, result.exit_code,
             expected, result.report);
    }
  }
  if (test->rare) {
    CU_ASSERT(hits > 0);
  } else {
    CU_ASSERT_EQUAL(hits, seeds);
  }
}

/* CUnit calls functions without arguments, so the name of the running test leads to its case. */
static void run_current_case(void) {
  const char *name = CU_get_current_test()->pName;
  for (size_t i = 0; i < registered_count; ++i) {
    if (strcmp(registered[i]->name, name) == 0) {
      run_seeds(registered[i]);
      return;
    }
  }
  CU_FAIL("no such case");
}

int selftest_add_cases(const char *suite_name, const selftest_case *cases, size_t count) {
  CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
  if (suite == NULL) return 0;
  for (size_t i = 0; i < count; ++i) {
    if (expectation(&cases[i]) == NULL) continue;
    if (registered_count == MAX_CASES) return 0;
    registered[registered_count++] = &cases[i];
    if (CU_add_test(suite, cases[i].name, run_current_case) == NULL) return 0;
  }
  return 1;
}

void *upload(const void *host, size_t size_bytes) {
  void *device = NULL;
  REQUIRE_CUDA(cudaMalloc(&device, size_bytes));
  if (host != NULL) REQUIRE_CUDA(cudaMemcpy(device, host, size_bytes, cudaMemcpyHostToDevice));
  return device;
}

void download(void *host, const void *device, size_t size_bytes) {
  REQUIRE_CUDA(cudaDeviceSynchronize());
  REQUIRE_CUDA(cudaMemcpy(host, device, size_bytes, cudaMemcpyDeviceToHost));
}

static unsigned bits_of(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

unsigned short half_of(float value) {
  const unsigned bits = bits_of(value);
  const unsigned sign = bits >> 31 << 15;
  if ((bits & 0x7fffffffu) == 0) return (unsigned short)sign;
  const int exponent = (int)(bits >> 23 & 255) - 127;
  return (unsigned short)(sign | (unsigned)(exponent + 15) << 10 | (bits >> 13 & 1023));
}

unsigned short bfloat_of(float value) {
  const unsigned bits = bits_of(value);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float float_of_half(unsigned short bits) {
  const int exponent = bits >> 10 & 31;
  const float fraction = (float)(bits & 1023) / 1024;
  const float value = exponent != 0 ? ldexpf(1 + fraction, exponent - 15) : ldexpf(fraction, -14);
  return (bits & 0x8000) != 0 ? -value : value;
}

float float_of_bfloat(unsigned short bits) {
  const unsigned wide = (unsigned)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}
