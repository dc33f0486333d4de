/* The ranks that mpirun started, as a group of the layer kit. */
#ifndef GROUP_MPI_H
#define GROUP_MPI_H

#include "nn/group.h"

/* An nn_open_group. */
bool group_open_mpi(nn_group *group, bool synchronize);

#endif /* GROUP_MPI_H */
