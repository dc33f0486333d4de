/* Communicators, as users make them. */
#include "host/communicator.h"

#include <stdlib.h>

#include "core/check.h"

/* With 2^28 channels their blocks still have less than 2^63 bytes. */
enum { RANKS_MAX = 1 << 20 };

/* Where channels are divided unless cubnSetCommunicatorGatherRanks says otherwise; by the model in
 * docs/DISTRIBUTED.md. */
enum { DIVIDED_CHANNELS_MIN = 64, DIVIDED_BLOCKS_MIN = 8192 };

static void release(cubnCommunicator_t communicator) {
  free(communicator->greeting);
  free(communicator->replies);
  free(communicator);
}

cubnStatus_t cubnCreateCommunicator(cubnCommunicator_t *communicator,
                                    const cubnCommunicatorFunctions_t *functions, void *context,
                                    int rank, int ranks) {
  CUBN_REQUIRE(communicator, __func__, "communicator is NULL");
  CUBN_REQUIRE(functions, __func__, "functions is NULL");
  CUBN_REQUIRE(functions->gather, __func__, "functions->gather is NULL");
  CUBN_REQUIRE(ranks >= 1 && ranks <= RANKS_MAX, __func__, "ranks is %d, must be 1 to %d", ranks,
               RANKS_MAX);
  CUBN_REQUIRE(rank >= 0 && rank < ranks, __func__, "rank is %d, must be 0 to %d, ranks - 1", rank,
               ranks - 1);
  CUBN_REQUIRE(functions->memory == CUBN_DEVICE_CPU || functions->memory == CUBN_DEVICE_CUDA,
               __func__, "functions->memory is %d, must be CUBN_DEVICE_CPU or CUBN_DEVICE_CUDA",
               (int)functions->memory);
  CUBN_REQUIRE(functions->memory == CUBN_DEVICE_CPU || functions->gather_host, __func__,
               "functions->gather_host is NULL; with functions->memory CUBN_DEVICE_CUDA it is "
               "required");
  cubnCommunicator_t created = calloc(1, sizeof *created);
  if (created) {
    const size_t block_bytes = CUBN_BLOCK_WORDS_MIN * sizeof(double);
    created->greeting = calloc(1, block_bytes);
    created->replies = calloc((size_t)ranks, block_bytes);
    if (!created->greeting || !created->replies) {
      release(created);
      created = NULL;
    }
  }
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, __func__, "no memory for a communicator");
  created->object.kind = CUBN_COMMUNICATOR;
  created->functions = *functions;
  created->context = context;
  created->rank = rank;
  created->ranks = ranks;
  *communicator = created;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnDestroyCommunicator(cubnCommunicator_t communicator) {
  if (!communicator) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE_OBJECT(communicator, CUBN_COMMUNICATOR, __func__, "communicator");
  CUBN_REQUIRE(communicator->users == 0, __func__,
               "communicator is still carried by %lld descriptors, destroy these first",
               (long long)communicator->users);
  if (communicator->functions.destroy) communicator->functions.destroy(communicator->context);
  cubn_object_end(&communicator->object);
  release(communicator);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetCommunicatorRank(cubnCommunicator_t communicator, int *rank, int *ranks) {
  CUBN_REQUIRE_OBJECT(communicator, CUBN_COMMUNICATOR, __func__, "communicator");
  if (rank) *rank = communicator->rank;
  if (ranks) *ranks = communicator->ranks;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSetCommunicatorGatherRanks(cubnCommunicator_t communicator, int ranks) {
  CUBN_REQUIRE_OBJECT(communicator, CUBN_COMMUNICATOR, __func__, "communicator");
  CUBN_REQUIRE(ranks >= 0, __func__,
               "ranks is %d, must be 1 or more, or 0 for the choice of the library", ranks);
  communicator->gather_ranks = ranks;
  return CUBN_STATUS_SUCCESS;
}

bool cubn_divides_channels(cubnCommunicator_t communicator, int64_t channels) {
  const int ranks = communicator->ranks, most = communicator->gather_ranks;
  if (ranks == 1 || !communicator->functions.all_to_all) return false;
  return most > 0 ? ranks > most
                  : channels >= DIVIDED_CHANNELS_MIN && ranks * channels >= DIVIDED_BLOCKS_MIN;
}

cubnStatus_t cubnReportError(cubnStatus_t status, const char *function, const char *text) {
  return cubn_fail(status, function ? function : __func__, "%s", text ? text : "");
}
