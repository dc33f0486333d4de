/* Reads the log's environment variables when a handle is created. This file stands above log.c and
 * error.c: errors are logged, so the log itself must not report its failures through them. */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"
#include "core/log_destination.h"

cubnStatus_t cubn_log_read_environment(const char *function) {
  const int level = cubn_log_environment_level();
  CUBN_REQUIRE(level >= 0, function, "CUBN_LOGLEVEL is \"%s\", must be 0 to %d",
               getenv("CUBN_LOGLEVEL"), CUBN_LOG_LEVEL_MAX);
  const char *const destination = getenv("CUBN_LOGDEST");
  const size_t bytes = destination ? cubn_log_path_bytes(destination) : 0;
  CUBN_REQUIRE(bytes <= CUBN_LOG_PATH_MAX, function,
               "CUBN_LOGDEST has %zu bytes%s, must have at most %d", bytes,
               bytes > 0 && strstr(destination, "%i") ? " with the process number for %i" : "",
               CUBN_LOG_PATH_MAX);
  cubn_log_set_level(level);
  return CUBN_STATUS_SUCCESS;
}
