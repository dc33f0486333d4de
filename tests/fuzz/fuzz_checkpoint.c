/* The examples' checkpoints: any file is refused with a message that names it, or gives a network
 * that answers, as examples/infer does. Unless the first byte is 255, version, number of floats and
 * checksum are made right first, so that what lies behind them is reached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"
#include "nn/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { HEAD_AT = 16, FLOATS_AT = HEAD_AT + sizeof(nn_checkpoint), FRONT = FLOATS_AT + 8 };
/* Pixels and channels of a network that is built; larger ones take their time and memory. */
enum { SIDE_MAX = 32, WIDTH_MAX = 64, DEPTH_MAX = 3, BATCH = 3 };

static const char *const names[] = {"a.net", NULL};
static char path[300];

static uint64_t checksum(const unsigned char *bytes, size_t count) {
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
  for (size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

static void make_right(unsigned char *bytes, size_t count) {
  const uint64_t version = 1, floats = (count - FRONT - 8) / 4;
  memcpy(bytes, "cubn net", 8);
  memcpy(bytes + 8, &version, sizeof version);
  memcpy(bytes + FLOATS_AT, &floats, sizeof floats);
  const uint64_t sum = checksum(bytes, count - 8);
  memcpy(bytes + count - 8, &sum, sizeof sum);
}

/* Writes the file; a right one is as long as the network that it names needs, if that is known. */
static void write_checkpoint(const uint8_t *bytes, size_t count, size_t floats) {
  const bool is_raw = count > 0 && bytes[0] == 255;
  const size_t least = FRONT + 8 + 4 * floats, behind = count > 0 ? count - 1 : 0;
  const size_t size = is_raw || behind > least ? behind : least;
  unsigned char *const file = calloc(size + 1, 1);
  if (!file) fuzz_fail("no memory");
  if (behind) memcpy(file, bytes + 1, behind);
  const size_t whole = is_raw ? size : least + (size - least) / 4 * 4;
  if (!is_raw) make_right(file, floats ? least : whole);
  fuzz_write_file(path, file, is_raw || !floats ? whole : least);
  free(file);
}

static void expect_message(const char *text) {
  if (strstr(nn_message(), text) == NULL) fuzz_fail("message without %s: %s", text, nn_message());
}

static size_t floats_of(const nn_network *network) {
  size_t floats = 0;
  for (int i = 0; i < network->layer_count; ++i) {
    const nn_layer *layer = network->layers[i];
    for (int j = 0; j < layer->parameter_count; ++j) floats += 2 * layer->parameters[j].value.count;
    for (int j = 0; j < layer->statistic_count; ++j) floats += layer->statistics[j].count;
  }
  return floats;
}

/* Builds the network, loads it and asks it about a batch. */
static void answer(nn_device *device, const nn_model *model, const uint8_t *bytes, size_t count) {
  static float images[BATCH * SIDE_MAX * SIDE_MAX];
  const int32_t labels[BATCH] = {0};
  float logits[BATCH * 10];
  nn_network network;
  nn_checkpoint head;
  if (nn_model_init(&network, device, model, BATCH)) {
    if (bytes[0] != 255) write_checkpoint(bytes, count, floats_of(&network));
    if (!nn_load_checkpoint(path, &network, model, &head))
      expect_message(path);
    else if (!nn_network_load(&network, BATCH, images, labels) ||
             !nn_network_forward(&network, BATCH, NN_INFERENCE) ||
             !nn_array_download(&nn_network_last(&network)->output, logits, BATCH * 10))
      fuzz_fail("loaded, but: %s", nn_message());
  }
  nn_network_destroy(&network);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static nn_device device;
  nn_checkpoint head;
  if (path[0] == '\0') {
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(names), names[0]);
    if (!nn_device_open(&device, "cpu")) fuzz_fail("%s", nn_message());
  }
  nn_fail("%s", "");
  write_checkpoint(bytes, count, 0);
  if (!nn_read_checkpoint(path, &head)) {
    expect_message(path);
    return 0;
  }
  const nn_model *m = &head.model;
  if (m->h <= SIDE_MAX && m->w <= SIDE_MAX && m->width <= WIDTH_MAX && m->depth <= DEPTH_MAX)
    answer(&device, m, bytes, count);
  return 0;
}
