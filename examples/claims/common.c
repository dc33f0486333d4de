/* What the experiments share. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims/claims.h"
#include "nn/checkpoint.h"

/* ---- Files ---- */

/* The path of the open file, or of what it becomes when it is complete. */
static bool csv_path(const claims *c, const char *ending, char path[PATH_MAX]) {
  return snprintf(path, PATH_MAX, "%s/%s%s", c->out, c->csv_name, ending) < PATH_MAX ||
         nn_fail("the path of the output folder is too long: %zu characters", strlen(c->out));
}

bool claims_open_csv(claims *c, const char *name, const char *header) {
  char path[PATH_MAX];
  c->csv_name = name;
  if (!csv_path(c, ".new", path)) return false;
  c->csv = fopen(path, "w");
  if (c->csv == NULL) return nn_fail("%s: cannot write: %s", path, strerror(errno));
  setvbuf(c->csv, NULL, _IOLBF, BUFSIZ); /* long experiments can be watched */
  fprintf(c->csv, "%s\n", header);
  return true;
}

bool claims_close_csv(claims *c) {
  char from[PATH_MAX], to[PATH_MAX];
  const bool written = ferror(c->csv) == 0;
  const bool closed = fclose(c->csv) == 0;
  c->csv = NULL;
  if (!csv_path(c, ".new", from) || !csv_path(c, "", to)) return false;
  return (written && closed && rename(from, to) == 0) ||
         nn_fail("%s: could not be written: %s", to, strerror(errno));
}

/* ---- Networks and training ---- */

nn_plan claims_mlp(const claims *c, nn_activation activation, bool batch_norm) {
  return (nn_plan){.model = {.kind = NN_MLP,
                             .activation = activation,
                             .batch_norm = batch_norm,
                             .depth = 3,
                             .width = 100,
                             .gain = 1.0f},
                   .rate = 0.5f,
                   .epochs = c->full ? 10 : 20,
                   .batch = 60,
                   .seed = c->first_seed};
}

nn_plan claims_lenet(const claims *c, nn_activation activation, bool batch_norm) {
  return (nn_plan){.model = {.kind = NN_LENET,
                             .activation = activation,
                             .batch_norm = batch_norm,
                             .gain = activation == NN_SIGMOID && !c->full ? 4.0f : 1.0f},
                   .rate = 0.3f,
                   .epochs = c->full ? 10 : 20,
                   .batch = c->full ? 128 : 32,
                   .seed = c->first_seed};
}

bool claims_open(claims *c, nn_trainer *trainer, const nn_plan *plan) {
  return nn_trainer_open(trainer, &c->device, &c->train, &c->test, plan);
}

bool claims_train(nn_trainer *trainer) {
  nn_score score = {0};
  while (trainer->epoch < trainer->plan.epochs)
    if (!nn_trainer_step(trainer, &score)) return false;
  return true;
}

bool claims_is_due(int step, int all, int count) {
  return all < count || step % (all / count) == 0;
}

bool claims_test(nn_trainer *trainer, const nn_images *images, nn_mode mode, double *accuracy,
                 double *loss) {
  nn_score score = {0};
  if (!nn_trainer_test(trainer, images, mode, &score)) return false;
  *accuracy = (double)score.hits / score.images;
  *loss = score.loss / score.images;
  return true;
}

bool claims_sweep(claims *c, const nn_plan *plan, const char *name, const float *rates,
                  claims_run run) {
  for (; *rates > 0.0f; rates++) {
    for (int i = 0; i < 2 * c->seeds; i++) {
      nn_plan one = *plan;
      one.model.batch_norm = i % 2 == 1;
      one.rate = *rates;
      one.seed = c->first_seed + (uint64_t)(i / 2);
      if (!run(c, &one, name)) return false;
    }
  }
  return true;
}

/* ---- Looking inside ---- */

int claims_products(const nn_network *network, nn_layer *products[NN_LAYER_MAX]) {
  int count = 0;
  for (int i = 0; i < network->layer_count; i++)
    if (nn_is_product(network->layers[i])) products[count++] = network->layers[i];
  return count;
}

nn_layer *claims_preactivation(const nn_network *network, int k) {
  nn_layer *products[NN_LAYER_MAX];
  claims_products(network, products);
  nn_layer *layer = products[k];
  while (strcmp(layer->reader->type->name, "activation") != 0) layer = layer->reader;
  return layer;
}

size_t claims_parameter_count(const nn_network *network) {
  size_t count = 0;
  for (int i = 0; i < network->layer_count; i++)
    for (int j = 0; j < network->layers[i]->parameter_count; j++)
      count += network->layers[i]->parameters[j].value.count;
  return count;
}

bool claims_get_parameters(const nn_network *network, bool gradients, float *host) {
  for (int i = 0; i < network->layer_count; i++) {
    for (int j = 0; j < network->layers[i]->parameter_count; j++) {
      const nn_parameter *parameter = &network->layers[i]->parameters[j];
      const nn_array *from = gradients ? &parameter->gradient : &parameter->value;
      if (!nn_array_download(from, host, from->count)) return false;
      host += from->count;
    }
  }
  return true;
}

bool claims_set_parameters(nn_network *network, const float *host) {
  for (int i = 0; i < network->layer_count; i++) {
    for (int j = 0; j < network->layers[i]->parameter_count; j++) {
      nn_array *to = &network->layers[i]->parameters[j].value;
      if (!nn_array_upload(to, host, to->count)) return false;
      host += to->count;
    }
  }
  return true;
}

bool claims_reopen(claims *c, const nn_trainer *trained, int batch, nn_trainer *trainer) {
  char path[PATH_MAX];
  nn_plan plan = trained->plan;
  nn_checkpoint head = {.model = plan.model};
  plan.batch = batch;
  return csv_path(c, ".net", path) && nn_save_checkpoint(path, &trained->network, &head) &&
         claims_open(c, trainer, &plan) &&
         nn_load_checkpoint(path, &trainer->network, &plan.model, &head) &&
         (unlink(path) == 0 || nn_fail("%s: cannot remove: %s", path, strerror(errno)));
}

bool claims_norm(const nn_array *array, double *norm) {
  float *host = malloc(array->count * sizeof *host);
  if (host == NULL) return nn_fail("no memory for %zu floats", array->count);
  const bool done = nn_array_download(array, host, array->count);
  double sum = 0.0;
  for (size_t i = 0; done && i < array->count; i++) sum += (double)host[i] * (double)host[i];
  *norm = sqrt(sum);
  free(host);
  return done;
}
