/* A stand-in for libnccl: a comm is a rank of the tests' engine. */
#ifndef CUBN_TESTS_NCCL_STANDIN_H
#define CUBN_TESTS_NCCL_STANDIN_H

#include <nccl.h>

#include "suites/support/engine.h"

struct ncclComm {
  engine_rank *self;
  ncclResult_t background; /* what ncclCommGetAsyncError reports */
  int delay;               /* so often it says before: in progress; a comm that does not block */
  bool blocks;             /* if not, gathers begin such a delay */
  int gathers;
  size_t words; /* of the last gather */
  int groups;   /* of sends and receives, by which each rank sends to each */
};

#endif /* CUBN_TESTS_NCCL_STANDIN_H */
