/* Calls of a descriptor with a communicator: training and backward with the statistics and sums of
 * all ranks. */
#ifndef CUBN_HOST_SYNCHRONIZED_H
#define CUBN_HOST_SYNCHRONIZED_H

#include "host/exchange.h"
#include "host/joint.h"

/* `status` is what describing the call gave, with a message unless it is SUCCESS; then the call is
 * not read beyond its function. All ranks gather, whatever their status. */
cubnStatus_t cubn_synchronized_forward(const cubn_exchange *exchange, const cubn_call *call,
                                       cubnStatus_t status);
cubnStatus_t cubn_synchronized_backward(const cubn_exchange *exchange, const cubn_call *call,
                                        cubnStatus_t status);

#endif /* CUBN_HOST_SYNCHRONIZED_H */
