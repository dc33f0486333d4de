#include "suites/support/wrapped.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { REMEMBERED_MAX = 4096 };

atomic_int wrapped_counts[WRAPPED_COUNTS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool is_watching;
static atomic_int live; /* of the remembered ones */
static int asked, fails_at;
static void *remembered[REMEMBERED_MAX];

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);
char *__real_getenv(const char *name);
FILE *__real_fopen(const char *path, const char *mode);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __wrap_free(void *memory);
char *__wrap_getenv(const char *name);
FILE *__wrap_fopen(const char *path, const char *mode);

void wrapped_reset(void) {
  for (int i = 0; i < WRAPPED_COUNTS; ++i) wrapped_counts[i] = 0;
}

void wrapped_watch(int nth) {
  asked = 0;
  fails_at = nth;
  is_watching = true;
}

int wrapped_end_watch(void) {
  is_watching = false;
  return asked;
}

int wrapped_live(void) {
  return live;
}

/* Counts an allocation; true if it is to fail. */
static bool begin(void) {
  ++wrapped_counts[WRAPPED_ALLOCATIONS];
  return is_watching && ++asked == fails_at;
}

static void *replace(void *from, void *to) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < REMEMBERED_MAX; ++i) {
    if (remembered[i] != from) continue;
    remembered[i] = to;
    live += (to != NULL) - (from != NULL);
    break;
  }
  pthread_mutex_unlock(&lock);
  return to;
}

static void *remember(void *memory) {
  return is_watching && memory ? replace(NULL, memory) : memory;
}

static void forget(void *memory) {
  if (live > 0 && memory) replace(memory, NULL);
}

void *__wrap_malloc(size_t bytes) {
  return begin() ? NULL : remember(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes) {
  return begin() ? NULL : remember(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *memory, size_t bytes) {
  if (begin()) return NULL;
  forget(memory);
  return remember(__real_realloc(memory, bytes));
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return begin() ? NULL : remember(__real_aligned_alloc(alignment, bytes));
}

void __wrap_free(void *memory) {
  ++wrapped_counts[WRAPPED_RELEASES];
  forget(memory);
  __real_free(memory);
}

char *__wrap_getenv(const char *name) {
  ++wrapped_counts[WRAPPED_ENVIRONMENT];
  return __real_getenv(name);
}

FILE *__wrap_fopen(const char *path, const char *mode) {
  ++wrapped_counts[WRAPPED_FILES];
  return __real_fopen(path, mode);
}

#ifdef CUBN_TESTS_CUDA
/* operator new of the .cu files */
void *__real__Znwm(size_t bytes);
void *__wrap__Znwm(size_t bytes);

void *__wrap__Znwm(size_t bytes) {
  ++wrapped_counts[WRAPPED_ALLOCATIONS];
  return __real__Znwm(bytes);
}
#endif
