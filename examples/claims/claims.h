/* The experiments of docs/LECTURE.md. Each trains networks and writes what it saw into CSV
 * files; report.py draws the pictures and computes the verdicts from these files alone. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include <stdio.h>

#include "nn/trainer.h"

typedef struct claims {
  nn_device device;
  nn_images train, test;
  const char *out; /* folder for the CSV files */
  bool full;       /* published settings, for MNIST and the like */
  int seeds;       /* trainings per setting, with seeds first_seed, first_seed + 1, ... */
  uint64_t first_seed;
  FILE *csv;            /* the open one */
  const char *csv_name; /* "a.csv" */
} claims;

/* Each of them runs one experiment. False with a message (nn_message). */
bool claim_rates(claims *c);         /* a */
bool claim_convergence(claims *c);   /* b */
bool claim_gradients(claims *c);     /* c */
bool claim_distributions(claims *c); /* d */
bool claim_landscape(claims *c);     /* e, three files */
bool claim_noise(claims *c);         /* f, two files */
bool claim_inference(claims *c);     /* g */
bool claim_channels(claims *c);      /* h, two files */

/* Parts of e. */
bool claim_noisy(claims *c);
bool claim_shift(claims *c);

/* A new file of the output folder, with its first line. It gets its name when it is closed, and so
 * complete; closing says if it was written. */
bool claims_open_csv(claims *c, const char *name, const char *header);
bool claims_close_csv(claims *c);

/* The networks: three layers of 100 units, and LeNet. */
nn_plan claims_mlp(const claims *c, nn_activation activation, bool batch_norm);
nn_plan claims_lenet(const claims *c, nn_activation activation, bool batch_norm);

/* A trainer on the claims' images. */
bool claims_open(claims *c, nn_trainer *trainer, const nn_plan *plan);
/* Trains to the end of the plan. */
bool claims_train(nn_trainer *trainer);
/* Whether to look at this step of `all`, if `count` looks are wanted. */
bool claims_is_due(int step, int all, int count);
/* Accuracy and mean loss on images. */
bool claims_test(nn_trainer *trainer, const nn_images *images, nn_mode mode, double *accuracy,
                 double *loss);

/* Calls run for each seed, with batch norm 0 and 1, and the rates of a list that ends with 0. */
typedef bool (*claims_run)(claims *c, const nn_plan *plan, const char *name);
bool claims_sweep(claims *c, const nn_plan *plan, const char *name, const float *rates,
                  claims_run run);

/* The layer whose output is the input of the k-th hidden layer's activation, from 0 on. */
nn_layer *claims_preactivation(const nn_network *network, int k);
/* The layers with weights, in order; returns their number. */
int claims_products(const nn_network *network, nn_layer *products[NN_LAYER_MAX]);

/* All parameters, or their gradients, one after the other, in host memory. */
size_t claims_parameter_count(const nn_network *network);
bool claims_get_parameters(const nn_network *network, bool gradients, float *host);
bool claims_set_parameters(nn_network *network, const float *host);

/* Opens a trainer for batches of `batch` images with the network that another one has trained. */
bool claims_reopen(claims *c, const nn_trainer *trained, int batch, nn_trainer *trainer);

/* Euclidean norm of an array. */
bool claims_norm(const nn_array *array, double *norm);

#endif /* CLAIMS_H */
