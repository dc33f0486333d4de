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

static const char *name_of_call(double call) {
  static const char *const names[] = {[CUBN_ATTACH] = "cubnSetBatchNormCommunicator",
                                      [CUBN_FORWARD] = "cubnBatchNormForward",
                                      [CUBN_BACKWARD] = "cubnBatchNormBackward"};
  const int index = (int)call;
  return index >= CUBN_ATTACH && index <= CUBN_BACKWARD ? names[index] : "another function";
}

static cubnStatus_t compare(const cubn_share *first, const cubn_share *other, int rank,
                            const char *function) {
  CUBN_REQUIRE(other->call == first->call, function, "rank %d called %s, but rank 0 %s", rank,
               name_of_call(other->call), name_of_call(first->call));
  CUBN_REQUIRE(other->channels == first->channels, function,
               "channels is %.0f on rank %d, must be that of rank 0, %.0f", other->channels, rank,
               first->channels);
  CUBN_REQUIRE(other->type == first->type, function,
               "x_desc has type %s on rank %d, must be that of rank 0, %s",
               cubn_type_name((cubnDataType_t)(int)other->type), rank,
               cubn_type_name((cubnDataType_t)(int)first->type));
  CUBN_REQUIRE(other->epsilon == first->epsilon, function,
               "CUBN_BATCHNORM_EPSILON is %g on rank %d, must be that of rank 0, %g",
               other->epsilon, rank, first->epsilon);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_gather(cubnCommunicator_t communicator, const cubn_share *own, double *send,
                         double *receive, size_t words, cubnStream_t stream, const char *function) {
  const cubnCommunicatorFunctions_t *const functions = &communicator->functions;
  const int ranks = communicator->ranks;
  write_block(own, send, words, function);
  const int error = functions->gather(communicator->context, send, receive, words, stream);
  if (error) {
    const char *const text =
        functions->error_string ? functions->error_string(communicator->context, error) : NULL;
    return cubn_fail(CUBN_STATUS_EXECUTION_FAILED, function,
                     "rank %d of %d: gather of %zu doubles returned error %d%s%s",
                     communicator->rank, ranks, words, error, text ? ": " : "", text ? text : "");
  }
  cubn_share first, other;
  for (int r = 0; r < ranks; ++r) {
    const double *const block = receive + (size_t)r * words;
    if (block[0] != CUBN_STATUS_SUCCESS) return report(block, r, ranks, words, function);
  }
  memcpy(&first, receive, sizeof first);
  for (int r = 1; r < ranks; ++r) {
    memcpy(&other, receive + (size_t)r * words, sizeof other);
    CUBN_TRY(compare(&first, &other, r, function));
  }
  return CUBN_STATUS_SUCCESS;
}
