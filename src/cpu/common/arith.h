/* Arithmetic on counts, which are never negative. */
#ifndef CUBN_CPU_COMMON_ARITH_H
#define CUBN_CPU_COMMON_ARITH_H

#include <stdint.h>

static inline int64_t cubn_min(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static inline int64_t cubn_max(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static inline int64_t cubn_at_least_1(int64_t value) {
  return cubn_max(value, 1);
}

static inline int64_t cubn_divide_up(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

/* The least multiple of `unit` that is not below `value`. */
static inline int64_t cubn_round_up(int64_t value, int64_t unit) {
  return cubn_divide_up(value, unit) * unit;
}

#endif /* CUBN_CPU_COMMON_ARITH_H */
