/* What the programs of this folder share. They end with the message of the first failure; mpirun
 * then ends the other ranks. */
#ifndef CUBN_TESTS_DISTRIBUTED_PROGRAM_H
#define CUBN_TESTS_DISTRIBUTED_PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cubn.h"

static inline void check(cubnStatus_t status) {
  if (status == CUBN_STATUS_SUCCESS) return;
  char message[512];
  cubnGetLastErrorString(message, sizeof message);
  fprintf(stderr, "%s: %s\n", cubnGetErrorString(status), message);
  exit(1);
}

/* Zeros. */
static inline void *allocate(size_t count, size_t bytes) {
  void *const memory = calloc(count, bytes);
  if (memory) return memory;
  fprintf(stderr, "no memory for %zu times %zu bytes\n", count, bytes);
  exit(1);
}

/* Seconds, by one clock for all processes of a machine. */
static inline double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The next random number of [-1, 1). */
static inline float random_value(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (float)(*seed >> 8) / (1 << 23) - 1;
}

#endif /* CUBN_TESTS_DISTRIBUTED_PROGRAM_H */
