#include "group_mpi.h"

#include <cubn_mpi.h>
#include <limits.h>

static bool add(double *values, size_t count) {
  if (count > INT_MAX) return nn_fail("%zu values are too many for MPI", count);
  return MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) ==
         MPI_SUCCESS;
}

static void close_group(nn_group *group, bool failed) {
  if (failed) MPI_Abort(MPI_COMM_WORLD, 1);
  cubnDestroyCommunicator(group->communicator);
  MPI_Finalize();
}

bool group_open_mpi(nn_group *group, bool synchronize) {
  if (MPI_Init(NULL, NULL) != MPI_SUCCESS) return nn_fail("MPI_Init failed");
  *group = (nn_group){.add = add, .close = close_group};
  MPI_Comm_rank(MPI_COMM_WORLD, &group->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &group->ranks);
  return !synchronize || nn_check(cubnCreateCommunicatorMPI(&group->communicator, MPI_COMM_WORLD));
}
