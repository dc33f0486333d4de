/* A small random generator (splitmix64), the same on every machine. */
#ifndef NN_RANDOM_H
#define NN_RANDOM_H

#include <stdint.h>

typedef struct nn_random {
  uint64_t state;
} nn_random;

static inline uint64_t nn_random_next(nn_random *random) {
  uint64_t z = random->state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* Uniform in [-limit, limit). */
static inline float nn_random_uniform(nn_random *random, float limit) {
  return limit * ((float)(nn_random_next(random) >> 40) * 0x1p-23f - 1.0f);
}

/* Uniform in 0 .. count - 1. (The bias of the remainder is count / 2^64.) */
static inline uint32_t nn_random_below(nn_random *random, uint32_t count) {
  return (uint32_t)(nn_random_next(random) % count);
}

#endif /* NN_RANDOM_H */
