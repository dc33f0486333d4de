/* Failures of synchronized calls that a handle learns of when their work is done. */
#ifndef CUBN_HOST_FAULTS_H
#define CUBN_HOST_FAULTS_H

#include "core/handle.h"

/* Whether the handle's stream has work left, and the first failure of the work that is done: of the
 * backend, of a communicator of device memory, or of ranks that refused their calls or differed.
 * The last is told once. */
cubnStatus_t cubn_query_faults(cubnHandle_t handle, bool *is_busy);

/* The same, and waits for the work. It ends, too, if a communicator has failed, in which case the
 * work may never be done. */
cubnStatus_t cubn_await_faults(cubnHandle_t handle);

#endif /* CUBN_HOST_FAULTS_H */
