/* A stand-in for several processes: each rank is a thread, and one runs at a time, until it gathers
 * or ends. So everything that a rank may use, checks and emulator included, is used by one thread,
 * and a run is the same every time. A rank for which the others would wait for ever is an error. */
#ifndef CUBN_TESTS_ENGINE_H
#define CUBN_TESTS_ENGINE_H

#include <pthread.h>

#include "suites/support/suite.h"

enum { ENGINE_RANKS_MAX = 7, ENGINE_WORDS_MAX = 1024 };
/* Error numbers of gather. */
enum { ENGINE_MISSING = 41, ENGINE_COUNTS = 42, ENGINE_ORDERED = 43 };

typedef enum { ENGINE_READY, ENGINE_WAITING, ENGINE_FINISHED } engine_state;

typedef struct engine_rank {
  struct engine *engine;
  int rank;
  cubnHandle_t handle; /* its own, on the device under test */
  cubnCommunicator_t communicator;
  void *context; /* of engine_run */
} engine_rank;

typedef struct engine {
  int ranks;
  bool reversed; /* in which order ranks run */
  int fail_at;   /* gathers from this one on, counted from 1, return ENGINE_ORDERED; 0: none */
  /* The rest is the engine's. */
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int turn, gathers, error;
  engine_state states[ENGINE_RANKS_MAX];
  double blocks[2][ENGINE_RANKS_MAX][ENGINE_WORDS_MAX]; /* of this gather and the one before */
  size_t counts[ENGINE_RANKS_MAX];
  engine_rank members[ENGINE_RANKS_MAX];
  void (*body)(engine_rank *self);
} engine;

/* Runs `body` on all ranks, with handles and communicators, which are destroyed afterwards. */
void engine_run(engine *e, int ranks, void (*body)(engine_rank *self), void *context);

#endif /* CUBN_TESTS_ENGINE_H */
