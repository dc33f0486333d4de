/* What the synchronized passes share: checks, parts of the call, and the gather. */
#ifndef CUBN_HOST_JOINT_H
#define CUBN_HOST_JOINT_H

#include "host/channel_arrays.h"
#include "host/execute.h"

/* A call of the extended interface, described and not yet validated. */
typedef struct cubn_call {
  const char *function;
  cubnHandle_t handle;
  cubn_problem problem;
  cubn_args args;
  cubn_reserve_space reserve;
  bool sums_are_joint; /* backward: dscale and dbias are those of all ranks */
} cubn_call;

typedef struct cubn_joint {
  const cubn_exchange *exchange;
  const cubn_call *call;
  cubn_channel_arrays arrays;
  cubnDataType_t type;
  double count; /* values per channel of this rank */
} cubn_joint;

/* Validates the call as one of this rank alone would be, and what is required beyond that. */
cubnStatus_t cubn_joint_check(cubn_joint *joint);

/* Runs a part of the call. */
cubnStatus_t cubn_joint_run(const cubn_joint *joint, cubn_problem problem, cubn_args args);

/* Exchanges `values` values per channel, which are in exchange->send, and the counts. `status` is
 * that of all that this rank did before. cubn_all_moments or cubn_all_sum have the results. */
cubnStatus_t cubn_joint_gather(const cubn_joint *joint, cubn_joint_call kind, cubnStatus_t status,
                               int values, cubn_blocks *blocks);

/* The same and the merge, with a communicator of device memory: all is enqueued. The share's
 * statistics or sums are in the arrays, and those of all ranks come into them. Fails if `status`
 * does, after the gather. */
cubnStatus_t cubn_joint_exchange(const cubn_joint *joint, cubn_joint_call kind, cubnStatus_t status,
                                 int values);

/* Where the first of a channel's `values` values is in what this rank sends; the next ones are
 * exchange->part apart. */
static inline double *cubn_joint_values(const cubn_joint *joint, int values, int64_t channel) {
  const int64_t part = joint->exchange->part;
  double *const block = joint->exchange->send +
                        (size_t)(channel / part) * cubn_exchange_words(joint->exchange, values);
  return block + CUBN_SHARE_WORDS + channel % part;
}

#endif /* CUBN_HOST_JOINT_H */
