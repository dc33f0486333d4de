/* The choice of an algorithm, and the log of it. */
#ifndef CUBN_HOST_SELECT_H
#define CUBN_HOST_SELECT_H

#include "core/handle.h"

/* Whether any backend of this library has an algorithm of this name. */
bool cubn_algo_exists(const char *name);

/* The names of all algorithms of this library, each once, divided by commas. */
#define CUBN_ALGO_NAMES_MAX 256
void cubn_algo_names(char *names, size_t bytes);

/* The algorithm for a problem: the handle's forced one if it accepts the problem, else the first of
 * the table that does. Never NULL for a valid problem. Logs if the handle says so. */
const cubn_algo *cubn_select(cubnHandle_t handle, const cubn_problem *problem,
                             const cubn_args *args);

/* Logs which device a new handle has. */
void cubn_log_device(cubnHandle_t handle);

#endif /* CUBN_HOST_SELECT_H */
