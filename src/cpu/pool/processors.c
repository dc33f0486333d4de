/* Affinity is no part of POSIX. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cpu/pool/processors.h"

#include <sched.h>
#include <unistd.h>

#ifdef CPU_COUNT
int cubn_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than a set can hold */
  return online > 0 ? (int)online : 1;
}

int cubn_current_processor(void) {
  return sched_getcpu();
}

bool cubn_avoid_processor(pthread_t thread, int processor) {
  cpu_set_t set;
  if (processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) != 0) return false;
  CPU_CLR((size_t)processor, &set);
  return CPU_COUNT(&set) > 0 && pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}
#else
int cubn_processors(void) {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

int cubn_current_processor(void) {
  return -1;
}

bool cubn_avoid_processor(pthread_t thread, int processor) {
  (void)thread;
  (void)processor;
  return false;
}
#endif
