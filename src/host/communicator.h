/* Communicators: what a group of ranks is, and how all of them gather. */
#ifndef CUBN_HOST_COMMUNICATOR_H
#define CUBN_HOST_COMMUNICATOR_H

#include "core/blocks.h"
#include "core/joint_task.h"
#include "core/object.h"
#include "cubn.h"

struct cubnCommunicatorStruct {
  cubn_object object;
  cubnCommunicatorFunctions_t functions;
  void *context;
  int rank, ranks;
  int gather_ranks;           /* of cubnSetCommunicatorGatherRanks */
  int64_t users;              /* descriptors that carry it */
  double *greeting, *replies; /* blocks of cubnSetBatchNormCommunicator, from all ranks */
};

static inline bool cubn_is_on_device(cubnCommunicator_t communicator) {
  return communicator->functions.memory == CUBN_DEVICE_CUDA;
}

/* Whether each rank merges a part of so many channels, instead of all ranks all of them. */
bool cubn_divides_channels(cubnCommunicator_t communicator, int64_t channels);

/* Gathers blocks of `words` doubles: `send` has the values of this rank, and takes `own` before
 * them; `receive` gets the blocks in the order of the ranks. `own->status` is what the rank has
 * found so far, with a message unless it is SUCCESS. Fails, on all ranks alike, if one of them
 * failed, or if they do not agree. */
cubnStatus_t cubn_gather(cubnCommunicator_t communicator, const cubn_share *own, double *send,
                         double *receive, size_t words, cubnStream_t stream, const char *function);

/* The same with one block for each rank, all of which begin with `own`; `receive` gets the blocks
 * for this rank. In host memory. If a rank failed, or they do not agree, all gather the texts of
 * that, for which `send` has CUBN_BLOCK_WORDS_MIN words, and `receive` as many for each rank. */
cubnStatus_t cubn_all_to_all(cubnCommunicator_t communicator, const cubn_share *own, double *send,
                             double *receive, size_t words, cubnStream_t stream,
                             const char *function);

/* Fails with the message of an error number of `collective`, unless that is 0. */
cubnStatus_t cubn_check_collective(cubnCommunicator_t communicator, const char *collective,
                                   size_t words, int error, const char *function);

/* Fails with the message of query's error number. */
cubnStatus_t cubn_check_query(cubnCommunicator_t communicator, int error);

const char *cubn_name_of_call(cubn_joint_call call);

/* What a refused rank's block begins with: a status, and the message that this thread has. */
cubn_refused_block cubn_make_refused_block(cubnStatus_t status, const char *function);

/* The failure of `block`'s rank, which cubn_find_fault has named. `words` are those of the blocks,
 * or fewer. */
cubnStatus_t cubn_report_fault(const double *first, const double *block, int rank, int ranks,
                               size_t words, const char *function);

#endif /* CUBN_HOST_COMMUNICATOR_H */
