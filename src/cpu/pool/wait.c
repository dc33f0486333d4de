/* A thread says that it sleeps, looks once more at what it waits for, and waits for a post. Whoever
 * takes back what it said posts: so each post is waited for. */
#include "cpu/pool/wait.h"

#include <time.h>

enum { ACTIVE_NANOSECONDS = 5000, LOOKS_PER_TIME = 8 };

bool cubn_waiter_init(cubn_waiter *waiter) {
  atomic_store(&waiter->sleeps, false);
  return sem_init(&waiter->posts, 0, 0) == 0;
}

void cubn_waiter_destroy(cubn_waiter *waiter) {
  sem_destroy(&waiter->posts);
}

static void pause_processor(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t get_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool is_met_soon(bool (*is_met)(const cubn_pool *pool), const cubn_pool *pool) {
  if (is_met(pool)) return true;
  const int64_t end = get_nanoseconds() + ACTIVE_NANOSECONDS;
  do {
    for (int i = 0; i < LOOKS_PER_TIME; ++i) {
      if (is_met(pool)) return true;
      pause_processor();
    }
  } while (get_nanoseconds() < end);
  return false;
}

void cubn_wait_until(cubn_waiter *self, bool (*is_met)(const cubn_pool *pool),
                     const cubn_pool *pool) {
  if (is_met_soon(is_met, pool)) return;
  while (!is_met(pool)) {
    atomic_store(&self->sleeps, true);
    if (is_met(pool) && atomic_exchange(&self->sleeps, false)) return;
    while (sem_wait(&self->posts) != 0) continue; /* interrupted by a signal */
  }
}

void cubn_wake(cubn_waiter *waiter) {
  if (atomic_exchange(&waiter->sleeps, false)) sem_post(&waiter->posts);
}
