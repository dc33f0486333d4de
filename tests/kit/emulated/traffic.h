/* Bytes that an algorithm moves between memory and the chip, counted by the emulator's trace build.
 */
#ifndef CUBN_TESTS_EMU_TRAFFIC_H
#define CUBN_TESTS_EMU_TRAFFIC_H

#include "core/handle.h"
#include "kit/run_line.h"

typedef struct traffic {
  unsigned launches;
  /* Bytes of x, and of all per-channel arrays that the call reads and writes. */
  int64_t tensor_bytes, param_read_bytes, param_written_bytes;
  int64_t reserve_bytes; /* of a mask or of inputs of the activation */
  /* Sums over the launches, of global memory. Distinct: each byte counts once per launch, as if
   * every byte were cached until its launch ends; requested: as often as a thread asks for it. */
  int64_t distinct_read, distinct_written, requested_read, requested_written, atomic;
  /* Read bytes that a cache of the size of the device's L2, cold before the call, did not hold. */
  int64_t missed_read;
  int64_t threads;
} traffic;

/* Runs the line with one row of the device's table. False if the row refuses it, or if `report`
 * says what went wrong. */
bool traffic_measure(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                     traffic *result, char *report, size_t report_bytes);

#endif /* CUBN_TESTS_EMU_TRAFFIC_H */
