/* The operations of the public API by number, all with the same arguments. */
#ifndef CUBN_TESTS_FUZZ_FUNCTIONS_H
#define CUBN_TESTS_FUZZ_FUNCTIONS_H

#include "fuzz/arguments.h"

typedef struct fuzz_function {
  const char *name;
  fuzz_call_kind kind;
  unsigned written; /* arguments that a call may write, as bits */
  cubnStatus_t (*call)(cubnHandle_t handle, const fuzz_arguments *a);
} fuzz_function;

enum { FUNCTIONS = 15 };
extern const fuzz_function fuzz_functions[FUNCTIONS];

#endif /* CUBN_TESTS_FUZZ_FUNCTIONS_H */
