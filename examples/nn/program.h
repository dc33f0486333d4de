/* The training programs: one command line, one report, three networks. */
#ifndef NN_PROGRAM_H
#define NN_PROGRAM_H

#include "nn/group.h"
#include "nn/trainer.h"

enum { NN_EXIT_FAILED = 1, NN_EXIT_USAGE = 2 };

/* The descriptions of options that several programs have. */
extern const char nn_help_device[], nn_help_data[], nn_help_epochs[], nn_help_batch[],
    nn_help_momentum[], nn_help_seed[], nn_help_csv[];

/* Trains the network of `defaults`, changed by the options. Returns the exit code. open_group is of
 * a program that can train on several ranks, else NULL. */
int nn_run_program(int argc, char **argv, const char *name, const char *summary,
                   const nn_plan *defaults, nn_open_group open_group);

#endif /* NN_PROGRAM_H */
