/* Times work on a device. One implementation per kind of device: timer_cpu.c, timer_cuda.c.
 *
 * A round of a measurement is: flush, start, the work, stop. On a GPU all of it is enqueued without
 * waiting, so that the host's time per call stays out of the result; several rounds fit into the
 * slots, and wait() collects them. */
#ifndef CUBN_BENCH_TIMER_H
#define CUBN_BENCH_TIMER_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_SLOTS_MAX 64

typedef struct bench_timer bench_timer;

struct bench_timer {
  /* Evicts the caches by writing more than they hold. A warm timer keeps them, and only delays a
   * GPU until the host has enqueued the work. */
  void (*flush)(bench_timer *timer);
  void (*start)(bench_timer *timer, int slot);
  void (*stop)(bench_timer *timer, int slot);
  /* Waits for everything. NULL, or the first error since the last wait. */
  const char *(*wait)(bench_timer *timer);
  double (*seconds)(bench_timer *timer, int slot); /* after wait() */
  /* Makes room for copies of that many bytes. NULL, or what failed. */
  const char *(*reserve_copy)(bench_timer *timer, size_t bytes);
  void (*copy)(bench_timer *timer, size_t bytes); /* between two arrays of its own */
  /* The same past the caches; NULL where the device has no such stores. */
  void (*copy_streaming)(bench_timer *timer, size_t bytes);
  /* Captures so many calls as a graph, and replays it. NULL where there is no such thing. record:
   * NULL, or what failed. */
  const char *(*record)(bench_timer *timer, bool (*call)(void *state), void *state, int calls,
                        void **graph);
  bool (*replay)(bench_timer *timer, void *graph);
  void (*forget)(bench_timer *timer, void *graph);
  void (*close)(bench_timer *timer);
  void *stream;      /* where all timed work must be enqueued: a cudaStream_t; NULL on a CPU */
  bool asynchronous; /* work is enqueued */
  int slots;         /* 1 .. BENCH_SLOTS_MAX */
  size_t cache_bytes;
  char device[160];   /* name of the device and what else describes it */
  char versions[160]; /* of the runtime and driver, or of what takes their place */
};

/* NULL on failure; error then says why. */
bench_timer *bench_timer_open_cpu(bool warm, const char **error);
bench_timer *bench_timer_open_cuda(int ordinal, bool warm, const char **error);

/* Seconds since some fixed point, on the host. */
double bench_clock(void);

#endif /* CUBN_BENCH_TIMER_H */
