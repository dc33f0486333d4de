#include "host/faults.h"

#include <sched.h>

#include "core/check.h"
#include "host/exchange.h"

/* What communicators have noticed in the background. Most layers have the same one, asked once. */
static cubnStatus_t query_communicators(cubnHandle_t handle) {
  for (const cubn_exchange *exchange = handle->exchanges; exchange; exchange = exchange->next) {
    const cubnCommunicator_t communicator = exchange->communicator;
    if (exchange->next && exchange->next->communicator == communicator) continue;
    const cubnCommunicatorFunctions_t *const functions = &communicator->functions;
    const int error = functions->query ? functions->query(communicator->context) : 0;
    if (error) return cubn_check_query(communicator, error);
  }
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t read_fault(const cubn_exchange *exchange) {
  const cubnHandle_t handle = exchange->handle;
  const cubn_fault none = {0};
  cubn_fault fault;
  CUBN_TRY(handle->backend->download(handle->device, &fault, exchange->fault, sizeof fault));
  if (fault.call == 0) return CUBN_STATUS_SUCCESS;
  CUBN_TRY(handle->backend->upload(handle->device, exchange->fault, &none, sizeof none));
  return cubn_report_fault(fault.blocks[0], fault.blocks[1], (int)fault.rank,
                           exchange->communicator->ranks, CUBN_BLOCK_WORDS_MIN,
                           cubn_name_of_call((cubn_joint_call)(int)fault.call));
}

cubnStatus_t cubn_query_faults(cubnHandle_t handle, bool *is_busy) {
  CUBN_TRY(query_communicators(handle));
  CUBN_TRY(handle->backend->query(handle->device, is_busy));
  if (*is_busy) return CUBN_STATUS_SUCCESS;
  for (const cubn_exchange *exchange = handle->exchanges; exchange; exchange = exchange->next)
    CUBN_TRY(read_fault(exchange));
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_await_faults(cubnHandle_t handle) {
  if (!handle->exchanges) return handle->backend->synchronize(handle->device);
  bool is_busy = true;
  while (is_busy) {
    CUBN_TRY(cubn_query_faults(handle, &is_busy));
    if (is_busy) sched_yield();
  }
  return CUBN_STATUS_SUCCESS;
}
