#include "nn/group.h"

#include <stdlib.h>

/* Copies all gradients one after the other from the device to `host`, or back. */
static bool copy(nn_network *network, float *host, bool back) {
  for (int i = 0; i < network->layer_count; i++) {
    for (int j = 0; j < network->layers[i]->parameter_count; j++) {
      nn_array *gradient = &network->layers[i]->parameters[j].gradient;
      if (!(back ? nn_array_upload(gradient, host, gradient->count)
                 : nn_array_download(gradient, host, gradient->count)))
        return false;
      host += gradient->count;
    }
  }
  return true;
}

static size_t count_gradients(const nn_network *network) {
  size_t count = 0;
  for (int i = 0; i < network->layer_count; i++)
    for (int j = 0; j < network->layers[i]->parameter_count; j++)
      count += network->layers[i]->parameters[j].gradient.count;
  return count;
}

bool nn_group_add_gradients(nn_network *network) {
  const nn_group *group = network->device->group;
  if (group == NULL) return true;
  const size_t count = count_gradients(network);
  float *host = malloc(count * sizeof *host);
  double *sums = malloc(count * sizeof *sums);
  bool done = host != NULL && sums != NULL;
  if (!done) nn_fail("no memory for %zu gradients", count);
  done = done && copy(network, host, false);
  for (size_t i = 0; done && i < count; i++) sums[i] = (double)host[i];
  done = done && group->add(sums, count);
  for (size_t i = 0; done && i < count; i++) host[i] = (float)sums[i];
  done = done && copy(network, host, true);
  free(host);
  free(sums);
  return done;
}
