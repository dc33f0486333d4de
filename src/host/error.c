/* Status names, the last error of each thread, and the version. */
#include "host/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/check.h"
#include "host/log.h"

static _Thread_local char last_message[CUBN_MESSAGE_MAX];

cubnStatus_t cubn_fail(cubnStatus_t status, const char *function, const char *format, ...) {
  int used = snprintf(last_message, sizeof last_message, "%s: ", function);
  if (used < 0 || used >= (int)sizeof last_message) return status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_message + used, sizeof last_message - (size_t)used, format, arguments);
  va_end(arguments);
  cubn_log_failure(status, function, last_message);
  return status;
}

cubnStatus_t cubn_within(const char *function, cubnStatus_t status) {
  if (status == CUBN_STATUS_SUCCESS) return status;
  char inner[CUBN_MESSAGE_MAX];
  memcpy(inner, last_message, sizeof inner);
  return cubn_fail(status, function, "%s", inner);
}

char *cubn_last_message(void) {
  return last_message;
}

void cubnGetLastErrorString(char *message, size_t max_size) {
  if (!message || max_size == 0) return;
  const size_t length = strlen(last_message);
  const size_t copied = length < max_size ? length : max_size - 1;
  memcpy(message, last_message, copied);
  message[copied] = '\0';
}

const char *cubnGetErrorString(cubnStatus_t status) {
  switch (status) {
    case CUBN_STATUS_SUCCESS:
      return "CUBN_STATUS_SUCCESS";
    case CUBN_STATUS_NOT_INITIALIZED:
      return "CUBN_STATUS_NOT_INITIALIZED";
    case CUBN_STATUS_SUBLIBRARY_VERSION_MISMATCH:
      return "CUBN_STATUS_SUBLIBRARY_VERSION_MISMATCH";
    case CUBN_STATUS_RUNTIME_IN_PROGRESS:
      return "CUBN_STATUS_RUNTIME_IN_PROGRESS";
    case CUBN_STATUS_RUNTIME_FP_OVERFLOW:
      return "CUBN_STATUS_RUNTIME_FP_OVERFLOW";
    case CUBN_STATUS_BAD_PARAM:
      return "CUBN_STATUS_BAD_PARAM";
    case CUBN_STATUS_NOT_SUPPORTED:
      return "CUBN_STATUS_NOT_SUPPORTED";
    case CUBN_STATUS_INTERNAL_ERROR:
      return "CUBN_STATUS_INTERNAL_ERROR";
    case CUBN_STATUS_HOST_ALLOCATION_FAILED:
      return "CUBN_STATUS_HOST_ALLOCATION_FAILED";
    case CUBN_STATUS_DEVICE_ALLOCATION_FAILED:
      return "CUBN_STATUS_DEVICE_ALLOCATION_FAILED";
    case CUBN_STATUS_EXECUTION_FAILED:
      return "CUBN_STATUS_EXECUTION_FAILED";
  }
  return "CUBN_STATUS_UNKNOWN";
}

size_t cubnGetVersion(void) {
  return CUBN_VERSION;
}
