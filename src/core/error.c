/* The last error of each thread. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"

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
