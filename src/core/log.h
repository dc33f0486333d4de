/* The log: messages for people, to a callback or to where the environment says. */
#ifndef CUBN_HOST_LOG_H
#define CUBN_HOST_LOG_H

#include <stdbool.h>

#include "cubn.h"

/* Reads CUBN_LOGLEVEL, CUBN_LOGDEST and CUBN_LOG. Called when a handle is created. */
cubnStatus_t cubn_log_read_environment(const char *function);

/* Whether anybody listens to messages of this severity. Cheap. */
bool cubn_log_wants(cubnSeverity_t severity);

/* A message, without "cubn: " and line end, if somebody listens. handle may be NULL. */
__attribute__((format(printf, 4, 5))) void cubn_log(cubnHandle_t handle, cubnSeverity_t severity,
                                                    cubnStatus_t status, const char *format, ...);

/* Failures of the calling thread are not reported while this is set: it only tries something. */
void cubn_log_set_trying(bool is_trying);

/* Reports a failure, unless it is an inner one (`function` is no public function's name), or only
 * tried. */
void cubn_log_failure(cubnStatus_t status, const char *function, const char *message);

#endif /* CUBN_HOST_LOG_H */
