/* Timer of the CPU: a monotonic clock around the call. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "timers/cpu_name.h"
#include "timers/timer.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) {
  return 0;
}
static int omp_get_num_threads(void) {
  return 1;
}
static int omp_get_max_threads(void) {
  return 1;
}
#endif

/* Copies use fewer threads rather than less than this per thread. */
#define COPY_BYTES_PER_THREAD ((size_t)128 << 10)
/* OpenMP's threads, which copy, spin for a while when they are idle, and would compete with those
 * of the next call. After a copy the timer waits until all have gone to sleep. */
#define SLEEP_NANOSECONDS 4000000
#define FLUSH_THREADS_MAX 256
#define ALIGNMENT ((size_t)256)
/* Assumed if the system does not report the size of its caches. */
#define CACHE_BYTES_GUESS ((size_t)64 << 20)

typedef struct cpu_timer {
  bench_timer base;
  bool warm, has_copied;
  int threads;
  double begin, elapsed;
  unsigned char *flush_memory;
  unsigned char flush_value;
  unsigned char *from, *to;
  size_t copy_bytes;
} cpu_timer;

double bench_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The LLC of one socket or core complex, as the kernel reports it. sysconf may report the sum of
 * all. */
static size_t last_level_cache_bytes(void) {
  unsigned long kibibytes = 0;
  FILE *file = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
  if (file) {
    if (fscanf(file, "%luK", &kibibytes) != 1) kibibytes = 0;
    fclose(file);
  }
  if (kibibytes) return (size_t)kibibytes << 10;
#ifdef _SC_LEVEL3_CACHE_SIZE
  const long level3_bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (level3_bytes > 0) return (size_t)level3_bytes;
#endif
  return CACHE_BYTES_GUESS;
}

/* The slice of [0, bytes) that one thread processes, in whole cache lines. */
static void slice_of_thread(size_t bytes, int thread, int threads, size_t *begin, size_t *end) {
  const size_t lines = (bytes + 63) / 64;
  *begin = lines * (size_t)thread / (size_t)threads * 64;
  *end = lines * ((size_t)thread + 1) / (size_t)threads * 64;
  if (*end > bytes) *end = bytes;
}

static size_t flush_bytes(const cpu_timer *timer) {
  return 2 * timer->base.cache_bytes;
}

typedef struct flush_slice {
  cpu_timer *timer;
  int thread, threads;
} flush_slice;

static void *flush_one_slice(void *argument) {
  const flush_slice *slice = argument;
  size_t begin, end;
  slice_of_thread(flush_bytes(slice->timer), slice->thread, slice->threads, &begin, &end);
  memset(slice->timer->flush_memory + begin, slice->timer->flush_value, end - begin);
  return NULL;
}

/* With threads that end with the flush, so that none spins beside the call that follows. One per
 * processor, however many the library has: every process has then computed for as long before its
 * call, which matters to a scheduler. */
static void flush(bench_timer *base) {
  cpu_timer *timer = (cpu_timer *)base;
  if (timer->has_copied) nanosleep(&(struct timespec){.tv_nsec = SLEEP_NANOSECONDS}, NULL);
  timer->has_copied = false;
  if (timer->warm) return;
  ++timer->flush_value;
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  const int threads = processors < 1                   ? 1
                      : processors < FLUSH_THREADS_MAX ? (int)processors
                                                       : FLUSH_THREADS_MAX;
  pthread_t started[FLUSH_THREADS_MAX];
  flush_slice slices[FLUSH_THREADS_MAX];
  bool is_started[FLUSH_THREADS_MAX] = {false};
  for (int i = threads - 1; i >= 0; --i) {
    slices[i] = (flush_slice){timer, i, threads};
    if (i) is_started[i] = !pthread_create(&started[i], NULL, flush_one_slice, &slices[i]);
    if (!is_started[i]) flush_one_slice(&slices[i]);
  }
  for (int i = 1; i < threads; ++i)
    if (is_started[i]) pthread_join(started[i], NULL);
}

static void start(bench_timer *base, int slot) {
  (void)slot;
  ((cpu_timer *)base)->begin = bench_clock();
}

static void stop(bench_timer *base, int slot) {
  (void)slot;
  cpu_timer *timer = (cpu_timer *)base;
  timer->elapsed = bench_clock() - timer->begin;
}

static const char *wait(bench_timer *base) {
  (void)base;
  return NULL;
}

static double seconds(bench_timer *base, int slot) {
  (void)slot;
  return ((cpu_timer *)base)->elapsed;
}

typedef void copy_function(void *to, const void *from, size_t bytes);

static void copy_in_slices(cpu_timer *timer, size_t bytes, copy_function *copy_slice) {
  const size_t useful = bytes / COPY_BYTES_PER_THREAD + 1;
  const int threads = useful < (size_t)timer->threads ? (int)useful : timer->threads;
  timer->has_copied = true;
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t begin, end;
    slice_of_thread(bytes, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    if (begin < end) copy_slice(timer->to + begin, timer->from + begin, end - begin);
  }
}

static void copy_slice_ordinary(void *to, const void *from, size_t bytes) {
  memcpy(to, from, bytes);
}

static void copy(bench_timer *base, size_t bytes) {
  copy_in_slices((cpu_timer *)base, bytes, copy_slice_ordinary);
}

#if defined(__SSE2__)
/* With non-temporal stores. Slices begin at cache lines. */
static void copy_slice_non_temporal(void *to, const void *from, size_t bytes) {
  const size_t whole = bytes / sizeof(__m128i);
  __m128i *const target = to;
  const __m128i *const source = from;
  for (size_t i = 0; i < whole; ++i) _mm_stream_si128(target + i, _mm_load_si128(source + i));
  memcpy(target + whole, source + whole, bytes - whole * sizeof(__m128i));
  _mm_sfence();
}

static void copy_non_temporal(bench_timer *base, size_t bytes) {
  copy_in_slices((cpu_timer *)base, bytes, copy_slice_non_temporal);
}
#else
#define copy_non_temporal NULL
#endif

static const char *reserve_copy(bench_timer *base, size_t bytes) {
  cpu_timer *timer = (cpu_timer *)base;
  if (bytes <= timer->copy_bytes) return NULL;
  free(timer->from);
  free(timer->to);
  timer->from = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  timer->to = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  timer->copy_bytes = timer->from && timer->to ? bytes : 0;
  if (!timer->copy_bytes) return "no memory for the copy to compare with";
  memset(timer->from, 1, bytes);
  copy(base, bytes); /* first touch: each thread places its own slice of the target */
  return NULL;
}

static void close_timer(bench_timer *base) {
  cpu_timer *timer = (cpu_timer *)base;
  free(timer->flush_memory);
  free(timer->from);
  free(timer->to);
  free(timer);
}

static void describe(cpu_timer *timer) {
  char name[96];
  bench_cpu_name(name, sizeof name);
  snprintf(timer->base.device, sizeof timer->base.device,
           "%s, %d threads, last-level cache %zu MiB", name, timer->threads,
           timer->base.cache_bytes >> 20);
  snprintf(timer->base.versions, sizeof timer->base.versions, "compiler %s", __VERSION__);
}

bench_timer *bench_timer_open_cpu(bool warm, const char **error) {
  cpu_timer *timer = calloc(1, sizeof *timer);
  *error = "no memory for the timer";
  if (!timer) return NULL;
  timer->base = (bench_timer){.flush = flush,
                              .start = start,
                              .stop = stop,
                              .wait = wait,
                              .seconds = seconds,
                              .reserve_copy = reserve_copy,
                              .copy = copy,
                              .copy_non_temporal = copy_non_temporal,
                              .close = close_timer,
                              .slots = 1,
                              .warms_up = warm,
                              .cache_bytes = last_level_cache_bytes()};
  const char *threads = getenv("CUBN_THREADS");
  timer->warm = warm;
  timer->threads = threads && atoi(threads) > 0 ? atoi(threads) : omp_get_max_threads();
  timer->flush_memory = malloc(flush_bytes(timer));
  if (!timer->flush_memory) {
    free(timer);
    return NULL;
  }
  describe(timer);
  return &timer->base;
}
