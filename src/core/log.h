/* The log: messages for people, to a callback or to where the environment says. */
#ifndef CUBN_CORE_LOG_H
#define CUBN_CORE_LOG_H

#include <stdbool.h>

#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Messages of severities 1 to the level are written; 0 writes none. */
enum { CUBN_LOG_LEVEL_MAX = 3 };

/* The level that CUBN_LOGLEVEL or CUBN_LOG asks for, or -1 if CUBN_LOGLEVEL is not a level. */
int cubn_log_environment_level(void);

/* Writes messages up to this level from now on, to where CUBN_LOGDEST says. */
void cubn_log_set_level(int level);

/* Reads CUBN_LOGLEVEL, CUBN_LOGDEST and CUBN_LOG when a handle is created (log_environment.c).
 * BAD_PARAM if CUBN_LOGLEVEL is not a level, or CUBN_LOGDEST is too long. */
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

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_LOG_H */
