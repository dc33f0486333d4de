/* The last error of the calling thread. */
#ifndef CUBN_CORE_ERROR_H
#define CUBN_CORE_ERROR_H

#include "cubn.h"

#define CUBN_MESSAGE_MAX 512

/* The status of a backend's function, called by the public function `function`: if it failed, the
 * message is told to come from there. */
cubnStatus_t cubn_within(const char *function, cubnStatus_t status);

/* The message, a string of at most CUBN_MESSAGE_MAX bytes that may be saved and restored. */
char *cubn_last_message(void);

#endif /* CUBN_CORE_ERROR_H */
