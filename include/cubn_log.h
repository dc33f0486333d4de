/* cubn, chapter "log": what the library reports beside status values. Included by cubn.h.
 *
 * Two ways, both off unless asked for, both for the process:
 *
 *   CUBN_LOGLEVEL=0|1|2|3   nothing, errors, warnings too, information too (every call: the problem
 *                           in one line, the algorithm, why others refused)
 *   CUBN_LOGDEST=stdout|stderr|FILE
 *                           where to; %i in a file's name is replaced by the process number.
 *                           Default: stderr. A file that cannot be opened is reported once on
 *                           stderr.
 *   CUBN_LOG=1              short for CUBN_LOGLEVEL=3 with CUBN_LOGDEST=stderr
 *
 * read whenever a handle is created, for the whole process; or a function of the program's:
 * cubnSetCallback.
 */
#include "cubn.h" /* before the guard: that header includes this one */

#ifndef CUBN_LOG_H
#define CUBN_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  CUBN_SEV_FATAL = 0, /* never used: the library does not end the program */
  CUBN_SEV_ERROR = 1, /* a call failed */
  CUBN_SEV_WARNING = 2,
  CUBN_SEV_INFO = 3
} cubnSeverity_t;

/* Masks for cubnSetCallback. */
#define CUBN_SEV_ERROR_EN (1U << CUBN_SEV_ERROR)
#define CUBN_SEV_WARNING_EN (1U << CUBN_SEV_WARNING)
#define CUBN_SEV_INFO_EN (1U << CUBN_SEV_INFO)

/* What a message is about. handle and stream are NULL in errors, and where the call had none. */
typedef struct cubnDebugStruct {
  unsigned cubn_version;
  cubnStatus_t cubnStatus;
  unsigned time_sec;   /* since 1970 */
  unsigned time_usec;  /* the fraction of it */
  unsigned time_delta; /* seconds since the first message */
  cubnHandle_t handle;
  cubnStream_t stream;
  unsigned long long pid, tid; /* process and thread */
  int cudaDeviceId;            /* of the handle; -1 on a CPU */
  int reserved[15];
} cubnDebug_t;

typedef void (*cubnCallback_t)(cubnSeverity_t severity, void *user_data, const cubnDebug_t *debug,
                               const char *message);

/* Calls `callback` for messages of the severities in `mask` (CUBN_SEV_..._EN, or-ed), from the
 * thread and in the course of the call that they are about; it must not call the library with the
 * same handle. mask 0 or callback NULL ends it. A callback takes the place of the log of the
 * environment's. Of the process; set it while no other thread is in a call of the library. Always
 * SUCCESS. */
CUBN_API cubnStatus_t cubnSetCallback(unsigned mask, void *user_data, cubnCallback_t callback);
/* Every output may be NULL. */
CUBN_API cubnStatus_t cubnGetCallback(unsigned *mask, void **user_data, cubnCallback_t *callback);

/* How cubnQueryRuntimeError asks. */
typedef enum {
  CUBN_ERRQUERY_RAWCODE = 0,     /* the same here as NONBLOCKING */
  CUBN_ERRQUERY_NONBLOCKING = 1, /* RUNTIME_IN_PROGRESS if the stream has work left */
  CUBN_ERRQUERY_BLOCKING = 2     /* waits for it */
} cubnErrQueryMode_t;

/* cuDNN's opaque companion of an error; always NULL or ignored. */
typedef struct cubnRuntimeTag_t cubnRuntimeTag_t;

/* Errors of work that was enqueued: *status becomes SUCCESS, RUNTIME_IN_PROGRESS, or
 * EXECUTION_FAILED with a message. RUNTIME_FP_OVERFLOW never: no algorithm here has a smaller range
 * than its type.
 *   NOT_INITIALIZED  handle is NULL
 *   BAD_PARAM        status is NULL; unknown mode */
CUBN_API cubnStatus_t cubnQueryRuntimeError(cubnHandle_t handle, cubnStatus_t *status,
                                            cubnErrQueryMode_t mode, cubnRuntimeTag_t *tag);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_LOG_H */
