/* The gather of all ranks, and whether they agree. */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "host/communicator.h"
#include "host/names.h"

_Static_assert(sizeof(cubn_share) == CUBN_SHARE_WORDS * sizeof(double), "a share's size");

/* Where the text of a failure begins in a block. */
enum { TEXT_WORD = 1 };

static size_t text_bytes(size_t words) {
  return (words - TEXT_WORD) * sizeof(double);
}

/* The message of this thread's last failure, without the name of the function, which the other
 * ranks' messages begin with anyway. */
static void get_reason(const char *function, char reason[CUBN_MESSAGE_MAX]) {
  const char *message = cubn_last_message();
  const size_t length = strlen(function);
  if (strncmp(message, function, length) == 0 && strncmp(message + length, ": ", 2) == 0)
    message += length + 2;
  memmove(reason, message, strlen(message) + 1);
}

static void write_block(const cubn_share *own, double *send, size_t words, const char *function) {
  memcpy(send, own, sizeof *own);
  if (own->status == CUBN_STATUS_SUCCESS) return;
  char reason[CUBN_MESSAGE_MAX] = "";
  get_reason(function, reason);
  memset(send + TEXT_WORD, 0, text_bytes(words));
  const size_t length = strlen(reason), most = text_bytes(words) - 1;
  memcpy(send + TEXT_WORD, reason, length < most ? length : most);
}

/* A rank that failed has its own message, unless a rank before it has one; so all name the same. */
static cubnStatus_t report(const double *block, int rank, int ranks, size_t words,
                           const char *function) {
  char reason[CUBN_MESSAGE_MAX] = "";
  const size_t bytes = text_bytes(words);
  memcpy(reason, block + TEXT_WORD, bytes < sizeof reason ? bytes : sizeof reason);
  reason[sizeof reason - 1] = '\0';
  return cubn_fail((cubnStatus_t)(int)block[0], function, "rank %d of %d refuses: %s", rank, ranks,
                   reason);
}

const char *cubn_name_of_call(cubn_joint_call call) {
  static const char *const names[] = {[CUBN_ATTACH] = "cubnSetBatchNormCommunicator",
                                      [CUBN_FORWARD] = "cubnBatchNormForward",
                                      [CUBN_BACKWARD] = "cubnBatchNormBackward"};
  return call >= CUBN_ATTACH && call <= CUBN_BACKWARD ? names[call] : "another function";
}

/* In CUBN_ATTACH. */
static const char *name_of_way(const cubn_share *share) {
  return share->place != 0 ? "exchanges by all_to_all" : "gathers";
}

static cubnStatus_t compare(const cubn_share *first, const cubn_share *other, int rank,
                            const char *function) {
  CUBN_REQUIRE(other->call == first->call, function, "rank %d called %s, but rank 0 %s", rank,
               cubn_name_of_call((cubn_joint_call)(int)other->call),
               cubn_name_of_call((cubn_joint_call)(int)first->call));
  CUBN_REQUIRE(other->channels == first->channels, function,
               "channels is %.0f on rank %d, must be that of rank 0, %.0f", other->channels, rank,
               first->channels);
  CUBN_REQUIRE(other->type == first->type, function,
               "x_desc has type %s on rank %d, must be that of rank 0, %s",
               cubn_type_name((cubnDataType_t)(int)other->type), rank,
               cubn_type_name((cubnDataType_t)(int)first->type));
  if (first->call == CUBN_ATTACH)
    CUBN_REQUIRE(other->place == first->place, function,
                 "rank %d %s, but rank 0 %s; give all the same cubnSetCommunicatorGatherRanks and "
                 "functions",
                 rank, name_of_way(other), name_of_way(first));
  CUBN_REQUIRE(other->epsilon == first->epsilon, function,
               "CUBN_BATCHNORM_EPSILON is %g on rank %d, must be that of rank 0, %g",
               other->epsilon, rank, first->epsilon);
  CUBN_REQUIRE(other->variance == first->variance, function,
               "CUBN_BATCHNORM_VARIANCE is %.0f on rank %d, must be that of rank 0, %.0f",
               other->variance, rank, first->variance);
  CUBN_REQUIRE(other->place == first->place, function,
               "CUBN_BATCHNORM_EPSILON_PLACE is %.0f on rank %d, must be that of rank 0, %.0f",
               other->place, rank, first->place);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_report_fault(const double *first, const double *block, int rank, int ranks,
                               size_t words, const char *function) {
  if (block[0] != CUBN_STATUS_SUCCESS) return report(block, rank, ranks, words, function);
  const cubn_share of_first = cubn_read_share(first), other = cubn_read_share(block);
  return compare(&of_first, &other, rank, function);
}

cubn_refused_block cubn_make_refused_block(cubnStatus_t status, const char *function) {
  const cubn_share own = {.status = status};
  cubn_refused_block block = {{0}};
  write_block(&own, block.words, CUBN_BLOCK_WORDS_MIN, function);
  return block;
}

cubnStatus_t cubn_check_collective(cubnCommunicator_t communicator, const char *collective,
                                   size_t words, int error, const char *function) {
  const cubnCommunicatorFunctions_t *const functions = &communicator->functions;
  if (!error) return CUBN_STATUS_SUCCESS;
  const char *const text =
      functions->error_string ? functions->error_string(communicator->context, error) : NULL;
  return cubn_fail(CUBN_STATUS_EXECUTION_FAILED, function,
                   "rank %d of %d: %s of %zu doubles returned error %d%s%s", communicator->rank,
                   communicator->ranks, collective, words, error, text ? ": " : "",
                   text ? text : "");
}

cubnStatus_t cubn_check_query(cubnCommunicator_t communicator, int error) {
  const cubnCommunicatorFunctions_t *const functions = &communicator->functions;
  const char *const text =
      functions->error_string ? functions->error_string(communicator->context, error) : NULL;
  return cubn_fail(CUBN_STATUS_EXECUTION_FAILED, "communicator",
                   "rank %d of %d: error %d in the background%s%s", communicator->rank,
                   communicator->ranks, error, text ? ": " : "", text ? text : "");
}

cubnStatus_t cubn_gather(cubnCommunicator_t communicator, const cubn_share *own, double *send,
                         double *receive, size_t words, cubnStream_t stream, const char *function) {
  const cubnCommunicatorFunctions_t *const functions = &communicator->functions;
  void *const context = communicator->context;
  const cubn_blocks blocks = {.first = receive, .count = communicator->ranks, .words = words};
  write_block(own, send, words, function);
  const int error = functions->memory == CUBN_DEVICE_CPU
                        ? functions->gather(context, send, receive, words, stream)
                        : functions->gather_host(context, send, receive, words);
  CUBN_TRY(cubn_check_collective(communicator, "gather", words, error, function));
  const int fault = cubn_find_fault(&blocks);
  if (fault < 0) return CUBN_STATUS_SUCCESS;
  return cubn_report_fault(receive, cubn_block_of(&blocks, fault), fault, blocks.count, words,
                           function);
}

cubnStatus_t cubn_all_to_all(cubnCommunicator_t communicator, const cubn_share *own, double *send,
                             double *receive, size_t words, cubnStream_t stream,
                             const char *function) {
  const cubn_blocks blocks = {.first = receive, .count = communicator->ranks, .words = words};
  for (int r = 0; r < communicator->ranks; ++r)
    write_block(own, send + (size_t)r * words, words, function);
  const int error =
      communicator->functions.all_to_all(communicator->context, send, receive, words, stream);
  CUBN_TRY(cubn_check_collective(communicator, "all_to_all", words, error, function));
  if (cubn_find_fault(&blocks) < 0) return CUBN_STATUS_SUCCESS;
  return cubn_gather(communicator, own, send, receive, CUBN_BLOCK_WORDS_MIN, stream, function);
}
