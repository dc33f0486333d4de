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
  cubnStream_t stream; /* of the handle, if ranks gather on the device */
  void *context;       /* of engine_run */
} engine_rank;

/* Makes a rank's communicator, and is told that it is gone. */
typedef struct engine_kind {
  cubnStatus_t (*create)(engine_rank *self, cubnCommunicator_t *communicator);
  void (*end)(engine_rank *self);
} engine_kind;

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
  /* Of engine_device.c: where ranks put their blocks on the device, and how often each has come. */
  double *board;
  int board_users, arrivals[ENGINE_RANKS_MAX];
  void *events[ENGINE_RANKS_MAX]; /* recorded by each rank on a real GPU */
  int background_error;           /* what query of its communicators returns */
  int failing_launch; /* emulator: after its all_to_all this rank's next one fails; from 1 on */
} engine;

/* Runs `body` on all ranks, with handles and communicators, which are destroyed afterwards. */
void engine_run(engine *e, int ranks, void (*body)(engine_rank *self), void *context);

/* What communicators engines make from now on; NULL: of gathers in host memory, as at first. */
void engine_select(const engine_kind *kind);
bool engine_gathers_on_device(void); /* something was selected */

/* Whether channels are divided among the ranks from now on. */
void engine_divide(bool divides);

/* Waits until all ranks have come, with the same count. Returns 0 or an error number. */
int engine_meet(engine_rank *self, size_t count);
/* The functions of the engine's communicators; the context is an engine_rank. */
int engine_gather(void *context, const double *send, double *receive, size_t count);
const char *engine_error_string(void *context, int error);

#ifdef CUBN_TESTS_CUDA
/* engine_device.c: gathers in device memory, in the order of a stream, on the emulator also in a
 * captured one. Each rank has a stream. */
extern const engine_kind engine_on_device;
/* The collectives, of bytes; and the memory and the stream for them, of each rank. */
int engine_gather_on_device(engine_rank *self, const void *send, void *receive, size_t bytes,
                            cubnStream_t stream);
int engine_all_to_all_on_device(engine_rank *self, const void *send, void *receive, size_t bytes,
                                cubnStream_t stream);
bool engine_open_board(engine_rank *self);
void engine_close_board(engine_rank *self);
#endif

#endif /* CUBN_TESTS_ENGINE_H */
