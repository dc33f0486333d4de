/* A batch that is divided among ranks with a communicator: each makes one call forward and one
 * backward, and the results of all are put together. */
#ifndef CUBN_TESTS_JOINT_BATCH_H
#define CUBN_TESTS_JOINT_BATCH_H

#include "kit/run_line.h"
#include "suites/support/engine.h"

enum { JOINT_IMAGES = 7, JOINT_CHANNELS = 5, JOINT_IMAGE_VALUES = 42 };

typedef struct joint_case {
  const char *layout, *type, *words;
  double mean;
  const char *forward_words; /* of forward alone */
} joint_case;

typedef struct joint_part {
  line_problem problem;
  data_set before, after;
} joint_part;

typedef struct joint_batch {
  const joint_case *what;
  int ranks, shares[ENGINE_RANKS_MAX]; /* images of each */
  bool reversed;                       /* the order in which ranks run */
  bool local_sums;                     /* CUBN_PARAM_SUMS_LOCAL, added up here, else _ALL */
  int meetings;                        /* of the ranks, in joint_run */
  joint_part forward, backward;        /* the whole batch: inputs, and in `after` the results */
  joint_part rank_forward[ENGINE_RANKS_MAX], rank_backward[ENGINE_RANKS_MAX];
} joint_batch;

/* Creates the data, and makes all calls: joint_create, joint_run_rank of each rank as a thread, and
 * joint_put_together. */
bool joint_run(joint_batch *b);
void joint_destroy(joint_batch *b);

/* ---- In single steps ---- */
bool joint_create(joint_batch *b);
/* The calls of one rank. */
void joint_run_rank(joint_batch *b, int rank, cubnHandle_t handle, cubnCommunicator_t communicator);
/* From the ranks' results to those of the whole batch. Checks that all ranks have the same
 * statistics, and sums, to the bit. */
void joint_put_together(joint_batch *b);
/* The whole batch against the oracle. */
void joint_judge(const joint_batch *b);

/* Makes a call of a rank: of its part, with a communicator, unless that is NULL. */
bool joint_call(cubnHandle_t handle, cubnCommunicator_t communicator, joint_part *part,
                bool local_sums);

/* The cases of the tests. */
extern const joint_case joint_cases[];
extern const int joint_case_count;
/* Divides the images at random; shares may be empty. */
void joint_divide(joint_batch *b, int ranks, int number);

#endif /* CUBN_TESTS_JOINT_BATCH_H */
