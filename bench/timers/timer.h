/* Times work on a device. One implementation per kind of device: timer_cpu.c, timer_cuda.c.
 *
 * A round of a measurement is: flush, start, the work, stop. On a GPU all of it is enqueued without
 * waiting, so that the host's time per call is not in the result. Several rounds fit into the
 * slots; wait() completes them. */
#ifndef CUBN_BENCH_TIMER_H
#define CUBN_BENCH_TIMER_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_SLOTS_MAX 64

typedef struct bench_timer bench_timer;

struct bench_timer {
  /* Evicts the caches by writing more than their capacity. A warm timer keeps them, and only delays
   * a GPU until the host has enqueued the work. */
  void (*flush)(bench_timer *timer);
  void (*start)(bench_timer *timer, int slot);
  void (*stop)(bench_timer *timer, int slot);
  /* Waits for everything. NULL, or the first error since the last wait. */
  const char *(*wait)(bench_timer *timer);
  double (*seconds)(bench_timer *timer, int slot); /* valid after wait() */
  /* Allocates memory for copies of that many bytes. NULL, or what failed. */
  const char *(*reserve_copy)(bench_timer *timer, size_t bytes);
  void (*copy)(bench_timer *timer, size_t bytes); /* between two arrays of the timer */
  /* The same with non-temporal stores; NULL on a device without them. */
  void (*copy_non_temporal)(bench_timer *timer, size_t bytes);
  /* Captures so many calls as a graph. Returns NULL, or what failed. The three members are NULL on
   * a device without graphs. */
  const char *(*record)(bench_timer *timer, bool (*call)(void *state), void *state, int calls,
                        void **graph);
  bool (*replay)(bench_timer *timer, void *graph);
  void (*forget)(bench_timer *timer, void *graph);
  void (*close)(bench_timer *timer);
  void *stream;      /* a cudaStream_t on which all timed work is enqueued; NULL on a CPU */
  bool asynchronous; /* work is enqueued */
  bool warms_up;     /* caches are kept: calls that are not timed come before each that is */
  int slots;         /* 1 .. BENCH_SLOTS_MAX */
  size_t cache_bytes;
  char device[160];   /* the device's name and properties */
  char versions[160]; /* of runtime and driver; on a CPU of the compiler */
};

/* NULL on failure; error then says why. */
bench_timer *bench_timer_open_cpu(bool warm, const char **error);
bench_timer *bench_timer_open_cuda(int ordinal, bool warm, const char **error);

/* Seconds since an arbitrary fixed time, on the host. */
double bench_clock(void);

#endif /* CUBN_BENCH_TIMER_H */
