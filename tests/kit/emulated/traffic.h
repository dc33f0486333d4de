/* Bytes that an algorithm moves between memory and the chip, counted by the emulator's trace build.
 */
#ifndef CUBN_TESTS_EMU_TRAFFIC_H
#define CUBN_TESTS_EMU_TRAFFIC_H

#include "kit/run_algo.h"

typedef struct traffic {
  unsigned launches;
  /* Bytes of x, and of all per-channel arrays that the call reads and writes. */
  int64_t tensor_bytes, param_read_bytes, param_written_bytes;
  int64_t reserve_bytes; /* bytes of a mask or of stored pre-activations */
  /* Sums over the launches, of global memory. Distinct: each byte counts once per launch, as if
   * every byte were cached until its launch ends; requested: as often as a thread reads or writes
   * it. */
  int64_t distinct_read, distinct_written, requested_read, requested_written, atomic;
  /* Bytes that were read and were not in a cache of the size of the L2, cold before the call. */
  int64_t missed_read;
  int64_t threads;
} traffic;

/* Runs the line with one row of the table. Returns false if the row refuses it, or with an error in
 * `report`. */
bool traffic_measure(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                     traffic *result, char *report, size_t report_bytes);

#endif /* CUBN_TESTS_EMU_TRAFFIC_H */
