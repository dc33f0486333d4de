/* The state of a pool is one word: the number of the call, the seats that helpers may still take,
 * and the helpers inside. A call opens with as many seats as it wants helpers; each helper takes
 * one by compare-and-swap, computes, and leaves. When the caller finds no more items it removes the
 * seats that are left and waits until nobody is inside. */
#include "cpu/pool/pool.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "cpu/pool/processors.h"
#include "cpu/pool/wait.h"

#define INSIDE_MASK UINT64_C(0xffff)
#define SEAT (UINT64_C(1) << 16)
#define SEATS_MASK (INSIDE_MASK << 16)
#define CALL (UINT64_C(1) << 32)

typedef struct helper {
  cubn_pool *pool;
  int worker; /* 1 .. threads - 1 */
  pthread_t thread;
  _Atomic int processor; /* where it ran last; -1: unknown */
  int avoided;           /* the processor that it must not run on, or -1 */
  cubn_waiter waiter;
} helper;

struct cubn_pool {
  int threads, processors;
  bool is_fixed;
  int started;      /* helpers that run */
  bool was_refused; /* the system refused a thread: none is asked for again */
  unsigned forks;   /* those that the helpers have seen */
  _Atomic uint64_t state;
  _Atomic bool ends;
  cubn_waiter caller;
  /* The call. */
  cubn_pool_work *work;
  void *context;
  cubn_items *items;
  fenv_t mode;
  int workers; /* those with a lower number are woken */
  helper helpers[];
};

/* Threads of all pools that compute. */
static _Atomic int busy;
static _Atomic unsigned forks;

static void count_fork(void) {
  atomic_fetch_add(&forks, 1);
  atomic_store(&busy, 0);
}

static void watch_forks(void) {
  pthread_atfork(NULL, NULL, count_fork);
}

/* ---- helpers */
static bool has_seat(const cubn_pool *pool) {
  return (atomic_load(&pool->state) & SEATS_MASK) != 0;
}

static bool is_wanted(const cubn_pool *pool) {
  return has_seat(pool) || atomic_load(&pool->ends);
}

static bool take_seat(cubn_pool *pool) {
  uint64_t state = atomic_load(&pool->state);
  while (state & SEATS_MASK)
    if (atomic_compare_exchange_weak(&pool->state, &state, state - SEAT + 1)) return true;
  return false;
}

/* The last one to leave a closed call wakes the caller. */
static void leave(cubn_pool *pool) {
  const uint64_t before = atomic_fetch_sub(&pool->state, 1);
  if ((before & (SEATS_MASK | INSIDE_MASK)) == 1) cubn_wake(&pool->caller);
}

/* Each worker wakes two others, so that many are awake soon. */
static void wake_others(cubn_pool *pool, int worker) {
  for (int other = 2 * worker + 1; other <= 2 * worker + 2 && other < pool->workers; ++other)
    cubn_wake(&pool->helpers[other - 1].waiter);
}

static void help(helper *self) {
  cubn_pool *pool = self->pool;
  atomic_fetch_add(&busy, 1);
  atomic_store(&self->processor, cubn_current_processor());
  wake_others(pool, self->worker);
  fesetenv(&pool->mode);
  pool->work(pool->context, self->worker, pool->items);
  atomic_fetch_sub(&busy, 1);
  leave(pool);
}

static void *helper_main(void *argument) {
  helper *self = argument;
  while (!atomic_load(&self->pool->ends)) {
    if (take_seat(self->pool))
      help(self);
    else
      cubn_wait_until(&self->waiter, is_wanted, self->pool);
  }
  return NULL;
}

/* Starts the next helper. The host's signals are none of its business. */
static bool start_helper(cubn_pool *pool) {
  helper *next = &pool->helpers[pool->started];
  sigset_t all, before;
  next->pool = pool;
  next->worker = pool->started + 1;
  next->processor = cubn_current_processor(); /* it may well begin there */
  next->avoided = -1;
  if (!cubn_waiter_init(&next->waiter)) return false;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool runs = pthread_create(&next->thread, NULL, helper_main, next) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!runs) cubn_waiter_destroy(&next->waiter);
  return runs;
}

/* Helpers for a call on `threads` threads. */
static int get_helpers(cubn_pool *pool, int threads) {
  int wanted = (threads < pool->threads ? threads : pool->threads) - 1;
  if (!pool->is_fixed) {
    const int idle = pool->processors - atomic_load(&busy) - 1;
    if (wanted > idle) wanted = idle;
  }
  if (wanted <= 0) return 0;
  if (pool->forks != atomic_load(&forks)) { /* the helpers stayed with the parent */
    pool->forks = atomic_load(&forks);
    pool->started = 0;
    atomic_store(&pool->state, 0);
    cubn_waiter_init(&pool->caller);
  }
  while (pool->started < wanted && !pool->was_refused) {
    if (start_helper(pool))
      ++pool->started;
    else
      pool->was_refused = true;
  }
  return wanted < pool->started ? wanted : pool->started;
}

/* ---- the caller */
/* The scheduler likes to run a thread that is woken where the one that wakes it runs, and lets that
 * one wait, although other processors are idle. Helpers that were last seen on the caller's
 * processor are kept off it. */
static void keep_helpers_off(cubn_pool *pool, int processor) {
  for (int i = 0; i + 1 < pool->workers; ++i) {
    helper *one = &pool->helpers[i];
    if (atomic_load(&one->processor) != processor || one->avoided == processor) continue;
    if (cubn_avoid_processor(one->thread, processor)) one->avoided = processor;
  }
}

static bool is_empty(const cubn_pool *pool) {
  return (atomic_load(&pool->state) & INSIDE_MASK) == 0;
}

void cubn_pool_run(cubn_pool *pool, int threads, cubn_items *items, cubn_pool_work *work,
                   void *context) {
  const int helpers = threads > 1 ? get_helpers(pool, threads) : 0;
  if (helpers == 0) {
    work(context, 0, items);
    return;
  }
  pool->work = work;
  pool->context = context;
  pool->items = items;
  pool->workers = helpers + 1;
  const int processor = cubn_current_processor();
  if (processor >= 0) keep_helpers_off(pool, processor);
  fegetenv(&pool->mode);
  const uint64_t call = (atomic_load(&pool->state) & ~(SEATS_MASK | INSIDE_MASK)) + CALL;
  atomic_store(&pool->state, call + (uint64_t)helpers * SEAT);
  atomic_fetch_add(&busy, 1);
  wake_others(pool, 0);
  work(context, 0, items);
  atomic_fetch_sub(&busy, 1);
  atomic_fetch_and(&pool->state, ~SEATS_MASK);
  cubn_wait_until(&pool->caller, is_empty, pool);
}

/* ---- creation */
int cubn_pool_default_threads(void) {
  const char *text = getenv("OMP_NUM_THREADS");
  const long asked = text ? strtol(text, NULL, 10) : 0;
  return asked > 0 && asked < 1024 ? (int)asked : cubn_processors();
}

cubn_pool *cubn_pool_create(int threads, bool is_fixed) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  cubn_pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof pool->helpers[0]);
  if (!pool) return NULL;
  pool->threads = threads;
  pool->processors = cubn_processors();
  pool->is_fixed = is_fixed;
  pool->forks = atomic_load(&forks);
  if (cubn_waiter_init(&pool->caller)) return pool;
  free(pool);
  return NULL;
}

void cubn_pool_destroy(cubn_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->ends, true);
  if (pool->forks != atomic_load(&forks)) pool->started = 0; /* the parent's */
  for (int i = 0; i < pool->started; ++i) cubn_wake(&pool->helpers[i].waiter);
  for (int i = 0; i < pool->started; ++i) {
    pthread_join(pool->helpers[i].thread, NULL);
    cubn_waiter_destroy(&pool->helpers[i].waiter);
  }
  cubn_waiter_destroy(&pool->caller);
  free(pool);
}
