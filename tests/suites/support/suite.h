/* What all suites share: registration, the device under test, checks with a message.
 *
 * A file test_topic.c defines void test_topic_suites(void), which calls suite_add for each of its
 * suites and is listed in all.c. main.c calls all of them once for every pass over the tests: one
 * pass without a device, one per device, and one per further schedule of the emulator. */
#ifndef CUBN_TESTS_SUITE_H
#define CUBN_TESTS_SUITE_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

#include "cubn.h"

typedef struct suite_test {
  const char *name;
  void (*run)(void);
} suite_test;

/* Where a suite runs. */
enum {
  SUITE_HOST = 1, /* once, without a device: suite_handle() is NULL */
  SUITE_CPU = 2,
  SUITE_CUDA = 4,
  SUITE_DEVICES = SUITE_CPU | SUITE_CUDA
};

/* Registers a suite; does nothing in a pass that `where` does not name. The last test has a NULL
 * name. Each test of a device pass gets a new handle, and must leave no buffers on it. */
void suite_add(const char *name, int where, const suite_test *tests);

/* The device of this pass: "cpu" or "cuda" (a name for cubnCreateOnDevice), NULL without one. */
const char *suite_device(void);
cubnHandle_t suite_handle(void);

/* Options of the command line. */
bool suite_all_cases(void); /* --cases all */
bool suite_verbose(void);
const char *suite_algo(void); /* --algo NAME, or NULL */
unsigned suite_seed(void);    /* the emulator's schedule of this pass */

/* CU_ASSERT with a printf-style message; returns the condition. */
__attribute__((format(printf, 4, 5))) bool suite_check(bool condition, const char *file, int line,
                                                       const char *format, ...);
#define SUITE_CHECK(condition, ...) suite_check((condition), __FILE__, __LINE__, __VA_ARGS__)

/* ---- For main.c ---- */
typedef struct suite_options {
  int where;        /* the kind of this pass */
  const char *only; /* beginning of the names of suites to run, or NULL */
  const char *algo; /* the algorithm to test, or NULL: all */
  bool all_cases, verbose;
  unsigned seed;
} suite_options;

void suite_begin_pass(const suite_options *options);

/* The number of suites that were added so far, in all passes. */
int suite_added_count(void);

#endif /* CUBN_TESTS_SUITE_H */
