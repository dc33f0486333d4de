/* Errors: every failure sets a message, and is returned by CUBN_TRY. */
#ifndef CUBN_CORE_CHECK_H
#define CUBN_CORE_CHECK_H

#include "core/object.h"
#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the calling thread's error message ("function: text") and returns `status`. */
__attribute__((format(printf, 3, 4))) cubnStatus_t cubn_fail(cubnStatus_t status,
                                                             const char *function,
                                                             const char *format, ...);

/* Returns from the calling function if the expression fails. */
#define CUBN_TRY(expression)                                      \
  do {                                                            \
    const cubnStatus_t cubn_status_ = (expression);               \
    if (cubn_status_ != CUBN_STATUS_SUCCESS) return cubn_status_; \
  } while (0)

/* Returns BAD_PARAM with a printf-style message unless the condition holds. */
#define CUBN_REQUIRE(condition, function, ...)                                          \
  do {                                                                                  \
    if (!(condition)) return cubn_fail(CUBN_STATUS_BAD_PARAM, (function), __VA_ARGS__); \
  } while (0)

/* Returns NOT_INITIALIZED unless there is a handle. */
#define CUBN_REQUIRE_HANDLE(handle, function)                                                   \
  do {                                                                                          \
    if (!(handle)) return cubn_fail(CUBN_STATUS_NOT_INITIALIZED, (function), "handle is NULL"); \
    if (!cubn_is((handle), CUBN_HANDLE))                                                        \
      return cubn_fail(CUBN_STATUS_NOT_INITIALIZED, (function),                                 \
                       "handle %p is none, or was destroyed", (const void *)(handle));          \
  } while (0)

/* Returns BAD_PARAM unless the pointer is to an object of this kind. */
#define CUBN_REQUIRE_OBJECT(object, kind, function, name)                                       \
  do {                                                                                          \
    CUBN_REQUIRE((object), (function), "%s is NULL", (name));                                   \
    CUBN_REQUIRE(cubn_is((object), (kind)), (function),                                         \
                 "%s %p is of another kind, or was destroyed", (name), (const void *)(object)); \
  } while (0)

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_CHECK_H */
