/**
 * @file cubn_log.h
 * Chapter "log": what the library reports beside status values.
 *
 * Included by cubn.h. Two ways, both off unless asked for, both for the process. Either the
 * environment, read whenever a handle is created:
 *
 *     CUBN_LOGLEVEL=0|1|2|3   nothing, errors, warnings too, information too (every call: the
 *                             problem in one line, the algorithm, why others refused)
 *     CUBN_LOGDEST=stdout|stderr|FILE
 *                             where to; %i in a file's name is replaced by the process number.
 *                             Default: stderr. A name has at most 511 bytes, the number included;
 *                             a longer one is CUBN_STATUS_BAD_PARAM. A file that cannot be opened
 *                             or written is reported once on stderr, which is used instead. A
 *                             named pipe needs a reader first; what it has no room for is lost,
 *                             and the next line says how many lines were.
 *     CUBN_LOG=1              short for CUBN_LOGLEVEL=3 with CUBN_LOGDEST=stderr
 *
 * or a function of the program's: cubnSetCallback.
 */
#include "cubn.h" /* before the guard: that header includes this one */

#ifndef CUBN_LOG_H
#define CUBN_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_log Log
 *
 * Messages, and errors of work that was enqueued.
 * @{
 */

/** What kind of message it is. */
typedef enum {
  CUBN_SEV_FATAL = 0,   /**< Never used: the library does not end the program. */
  CUBN_SEV_ERROR = 1,   /**< A call failed. */
  CUBN_SEV_WARNING = 2, /**< The call did what was asked, but perhaps not as it was meant. */
  CUBN_SEV_INFO = 3     /**< What a call does. */
} cubnSeverity_t;

#define CUBN_SEV_ERROR_EN (1U << CUBN_SEV_ERROR)     /**< Mask for cubnSetCallback: errors. */
#define CUBN_SEV_WARNING_EN (1U << CUBN_SEV_WARNING) /**< Mask: warnings. */
#define CUBN_SEV_INFO_EN (1U << CUBN_SEV_INFO)       /**< Mask: information. */

/** What a message is about. */
typedef struct cubnDebugStruct {
  unsigned cubn_version;   /**< Of the library, in the form of CUBN_VERSION. */
  cubnStatus_t cubnStatus; /**< Of the call. */
  unsigned time_sec;       /**< Seconds since 1970. */
  unsigned time_usec;      /**< The fraction of it. */
  unsigned time_delta;     /**< Seconds since the first message. */
  cubnHandle_t handle;     /**< NULL in errors, and where the call had none. */
  cubnStream_t stream;     /**< NULL in errors, and where the call had none. */
  unsigned long long pid;  /**< Process. */
  unsigned long long tid;  /**< Thread. */
  int cudaDeviceId;        /**< Of the handle; -1 on a CPU. */
  int reserved[15];        /**< Zero. */
} cubnDebug_t;

/**
 * A function that receives messages.
 *
 * @param[in] severity   kind of message
 * @param[in] user_data  as given to cubnSetCallback
 * @param[in] debug      what the message is about; valid during the call
 * @param[in] message    the text
 */
typedef void (*cubnCallback_t)(cubnSeverity_t severity, void *user_data, const cubnDebug_t *debug,
                               const char *message);

/**
 * Sets the function that receives messages.
 *
 * It is called from the thread and in the course of the call that a message is about, and must not
 * call the library with the same handle. It takes the place of the log of the environment's. It is
 * that of the process; set it while no other thread is in a call of the library.
 *
 * @param[in] mask       severities, CUBN_SEV_..._EN, or-ed; 0 ends it
 * @param[in] user_data  passed on to callback
 * @param[in] callback   receives the messages; NULL ends it
 * @return  CUBN_STATUS_SUCCESS
 */
CUBN_API cubnStatus_t cubnSetCallback(unsigned mask, void *user_data, cubnCallback_t callback);

/**
 * Reads what cubnSetCallback set. Every output may be NULL.
 *
 * @param[out] mask       severities
 * @param[out] user_data  what is passed on
 * @param[out] callback   the function
 * @return  CUBN_STATUS_SUCCESS
 */
CUBN_API cubnStatus_t cubnGetCallback(unsigned *mask, void **user_data, cubnCallback_t *callback);

/** How cubnQueryRuntimeError asks. */
typedef enum {
  CUBN_ERRQUERY_RAWCODE = 0,     /**< The same here as NONBLOCKING. */
  CUBN_ERRQUERY_NONBLOCKING = 1, /**< RUNTIME_IN_PROGRESS if the stream has work left. */
  CUBN_ERRQUERY_BLOCKING = 2     /**< Waits for it. */
} cubnErrQueryMode_t;

/** cuDNN's opaque companion of an error; always NULL or ignored. */
typedef struct cubnRuntimeTag_t cubnRuntimeTag_t;

/**
 * Errors of work that was enqueued.
 *
 * @param[in] handle   a handle
 * @param[out] status  receives SUCCESS, RUNTIME_IN_PROGRESS, or EXECUTION_FAILED with a message, or
 *                     the status of a rank that refused a synchronized call (cubn_communicator.h).
 *                     RUNTIME_FP_OVERFLOW never: no algorithm here has a smaller range than its
 *                     type.
 * @param[in] mode     whether it waits
 * @param[in] tag      ignored
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  status is NULL; unknown mode
 */
CUBN_API cubnStatus_t cubnQueryRuntimeError(cubnHandle_t handle, cubnStatus_t *status,
                                            cubnErrQueryMode_t mode, cubnRuntimeTag_t *tag);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_LOG_H */
