/* The log and the callback. The mask of wanted severities is one atomic number, so a call costs
 * nothing where nobody listens. A lock guards everything else. */
#include "core/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/handle.h"
#include "core/log_destination.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Of the callback if there is one, else of the environment; UNREAD before it was looked at. */
static const unsigned unread = ~0U;
static _Atomic unsigned wanted = ~0U;
static unsigned environment_mask;
static time_t first_seconds;
static struct {
  unsigned mask;
  void *user_data;
  cubnCallback_t function;
} callback;
static _Thread_local bool is_trying;

/* Severities 1 .. level. */
static unsigned mask_of_level(int level) {
  return (2U << level) - 2U;
}

static bool is_set(const char *text) {
  return text && *text;
}

int cubn_log_environment_level(void) {
  const char *level = getenv("CUBN_LOGLEVEL"), *all = getenv("CUBN_LOG");
  if (is_set(level)) {
    const bool is_level = level[0] >= '0' && level[0] <= '0' + CUBN_LOG_LEVEL_MAX && !level[1];
    return is_level ? level[0] - '0' : -1;
  }
  return is_set(all) && strcmp(all, "0") != 0 ? CUBN_LOG_LEVEL_MAX : 0;
}

void cubn_log_set_level(int level) {
  const char *const destination = getenv("CUBN_LOGDEST");
  pthread_mutex_lock(&lock);
  cubn_log_set_destination(destination ? destination : "");
  environment_mask = mask_of_level(level);
  if (!callback.function) atomic_store(&wanted, environment_mask);
  pthread_mutex_unlock(&lock);
}

bool cubn_log_wants(cubnSeverity_t severity) {
  unsigned mask = atomic_load(&wanted);
  if (mask == unread) { /* no handle yet */
    const int level = cubn_log_environment_level();
    cubn_log_set_level(level > 0 ? level : 0);
    mask = atomic_load(&wanted);
  }
  return mask >> severity & 1U;
}

static void write_line(cubnSeverity_t severity, const char *text) {
  static const char *const marks[] = {"fatal: ", "error: ", "warning: ", ""};
  pthread_mutex_lock(&lock);
  cubn_log_write_line(marks[severity], text);
  pthread_mutex_unlock(&lock);
}

static cubnDebug_t describe(cubnHandle_t handle, cubnStatus_t status) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  pthread_mutex_lock(&lock);
  if (!first_seconds) first_seconds = now.tv_sec;
  const time_t first = first_seconds;
  pthread_mutex_unlock(&lock);
  cubnDebug_t debug = {.cubn_version = CUBN_VERSION,
                       .cubnStatus = status,
                       .time_sec = (unsigned)now.tv_sec,
                       .time_usec = (unsigned)(now.tv_nsec / 1000),
                       .time_delta = (unsigned)(now.tv_sec - first),
                       .handle = handle,
                       .pid = (unsigned long long)getpid(),
                       .tid = (unsigned long long)pthread_self(),
                       .cudaDeviceId = -1};
  if (!handle) return debug;
  debug.stream = handle->stream;
  if (handle->backend->type == CUBN_DEVICE_CUDA)
    debug.cudaDeviceId = handle->backend->ordinal(handle->device);
  return debug;
}

static void say(cubnHandle_t handle, cubnSeverity_t severity, cubnStatus_t status,
                const char *text) {
  pthread_mutex_lock(&lock);
  const cubnCallback_t function = callback.function;
  void *const user_data = callback.user_data;
  pthread_mutex_unlock(&lock);
  if (!function) {
    write_line(severity, text);
    return;
  }
  const cubnDebug_t debug = describe(handle, status);
  function(severity, user_data, &debug, text);
}

void cubn_log(cubnHandle_t handle, cubnSeverity_t severity, cubnStatus_t status, const char *format,
              ...) {
  if (!cubn_log_wants(severity)) return;
  char text[CUBN_LOG_TEXT_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  say(handle, severity, status, text);
}

void cubn_log_set_trying(bool trying) {
  is_trying = trying;
}

void cubn_log_failure(cubnStatus_t status, const char *function, const char *message) {
  const bool is_public = strncmp(function, "cubn", 4) == 0 && isupper((unsigned char)function[4]);
  if (is_public && !is_trying && cubn_log_wants(CUBN_SEV_ERROR))
    cubn_log(NULL, CUBN_SEV_ERROR, status, "%s: %s", cubnGetErrorString(status), message);
}

cubnStatus_t cubnSetCallback(unsigned mask, void *user_data, cubnCallback_t function) {
  const bool is_on = mask != 0 && function;
  pthread_mutex_lock(&lock);
  callback.mask = is_on ? mask : 0;
  callback.user_data = is_on ? user_data : NULL;
  callback.function = is_on ? function : NULL;
  atomic_store(&wanted, is_on ? mask & mask_of_level(CUBN_LOG_LEVEL_MAX) : environment_mask);
  pthread_mutex_unlock(&lock);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetCallback(unsigned *mask, void **user_data, cubnCallback_t *function) {
  pthread_mutex_lock(&lock);
  if (mask) *mask = callback.mask;
  if (user_data) *user_data = callback.user_data;
  if (function) *function = callback.function;
  pthread_mutex_unlock(&lock);
  return CUBN_STATUS_SUCCESS;
}
