/* Processes that train one network together, the ranks: each has a share of every batch, and all
 * make the same steps. Without a group there is one process. */
#ifndef NN_GROUP_H
#define NN_GROUP_H

#include "nn/network.h"

struct nn_group {
  int rank, ranks;
  cubnCommunicator_t communicator; /* of batch norm; NULL: each rank's statistics are its own */
  /* Replaces the values by their sums over all ranks. */
  bool (*add)(double *values, size_t count);
  /* After a failure the other ranks are ended, too. */
  void (*close)(nn_group *group, bool failed);
};

/* Opens the group that the program was started in; `synchronize`: with a communicator. */
typedef bool (*nn_open_group)(nn_group *group, bool synchronize);

/* Replaces the gradients of all parameters by their sums over the ranks. Those of a rank are of the
 * mean loss over the whole batch, so that the sums are, too. Without a group it does nothing. */
bool nn_group_add_gradients(nn_network *network);

#endif /* NN_GROUP_H */
