/* Checkpoints. A file is read as a whole and believed only after its checksum. */
#include "nn/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char MAGIC[8] = "cubn net";
static const uint64_t VERSION = 1;
enum { FRONT_BYTES = 16 + sizeof(nn_checkpoint) + 8, CHECKSUM_BYTES = 8 };
/* No network of these examples comes near it. */
static const uint64_t FLOATS_MAX = UINT64_C(1) << 32;

/* The bytes of a file, as they grow or are read. */
typedef struct bytes {
  unsigned char *data;
  size_t count;
} bytes;

/* FNV-1a with 64 bits. */
static uint64_t checksum(const unsigned char *data, size_t count) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; i++) hash = (hash ^ data[i]) * 0x100000001b3u;
  return hash;
}

/* Calls visit for each array that a checkpoint contains. */
static bool for_each_array(const nn_network *network, bool (*visit)(void *, nn_array *),
                           void *context) {
  for (int i = 0; i < network->layer_count; i++) {
    nn_layer *layer = network->layers[i];
    for (int j = 0; j < layer->parameter_count; j++)
      if (!visit(context, &layer->parameters[j].value) ||
          !visit(context, &layer->parameters[j].velocity))
        return false;
    for (int j = 0; j < layer->statistic_count; j++)
      if (!visit(context, &layer->statistics[j])) return false;
  }
  return true;
}

static bool count_floats(void *context, nn_array *array) {
  *(uint64_t *)context += array->count;
  return true;
}

static bool append_array(void *context, nn_array *array) {
  bytes *to = context;
  if (!nn_array_download(array, to->data + to->count, array->count)) return false;
  to->count += array->count * sizeof(float);
  return true;
}

static bool take_array(void *context, nn_array *array) {
  const unsigned char **from = context;
  if (!nn_array_upload(array, *from, array->count)) return false;
  *from += array->count * sizeof(float);
  return true;
}

static void append(bytes *to, const void *from, size_t count) {
  memcpy(to->data + to->count, from, count);
  to->count += count;
}

/* ---- Writing ---- */

static bool write_file(const char *path, const bytes *content) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return nn_fail("%s: cannot write: %s", path, strerror(errno));
  bool done = fwrite(content->data, 1, content->count, file) == content->count;
  done = done && fflush(file) == 0 && fsync(fileno(file)) == 0;
  const int error = errno;
  if (fclose(file) == 0 && done) return true;
  unlink(path);
  return nn_fail("%s: %zu bytes could not be written: %s", path, content->count, strerror(error));
}

static bool replace_file(const char *path, const bytes *content) {
  char beside[1024];
  if (strlen(path) + 5 > sizeof beside)
    return nn_fail("the path of the checkpoint is too long: %zu characters", strlen(path));
  snprintf(beside, sizeof beside, "%s.new", path);
  if (!write_file(beside, content)) return false;
  if (rename(beside, path) == 0) return true;
  const int error = errno;
  unlink(beside);
  return nn_fail("%s: cannot rename %s: %s", path, beside, strerror(error));
}

bool nn_save_checkpoint(const char *path, const nn_network *network, const nn_checkpoint *given) {
  nn_checkpoint head = *given;
  head.zero = 0;
  head.step = network->step;
  uint64_t floats = 0;
  for_each_array(network, count_floats, &floats);
  const size_t all_bytes = FRONT_BYTES + (size_t)floats * sizeof(float) + CHECKSUM_BYTES;
  bytes content = {malloc(all_bytes), 0};
  if (content.data == NULL) return nn_fail("%s: no memory for %zu bytes", path, all_bytes);
  append(&content, MAGIC, sizeof MAGIC);
  append(&content, &VERSION, sizeof VERSION);
  append(&content, &head, sizeof head);
  append(&content, &floats, sizeof floats);
  bool done = for_each_array(network, append_array, &content);
  const uint64_t sum = checksum(content.data, content.count);
  append(&content, &sum, sizeof sum);
  done = done && replace_file(path, &content);
  free(content.data);
  return done;
}

/* ---- Reading ---- */

static bool read_file(const char *path, bytes *content) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return nn_fail("%s: cannot open: %s", path, strerror(errno));
  const long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  bool done = size >= 0 && fseek(file, 0, SEEK_SET) == 0;
  if (!done) nn_fail("%s: cannot tell its size: %s", path, strerror(errno));
  if (done) {
    content->count = (size_t)size;
    content->data = malloc(content->count + 1);
    done = content->data != NULL || nn_fail("%s: no memory for %ld bytes", path, size);
  }
  if (done && fread(content->data, 1, content->count, file) != content->count)
    done = nn_fail("%s: cannot read %zu bytes", path, content->count);
  fclose(file);
  return done;
}

/* All that can be checked without a network. */
static bool check_content(const char *path, const bytes *content, nn_checkpoint *head) {
  uint64_t version, floats, sum;
  const unsigned char *data = content->data;
  if (content->count < FRONT_BYTES + CHECKSUM_BYTES)
    return nn_fail("%s: expected a checkpoint of %zu bytes or more, found %zu", path,
                   (size_t)(FRONT_BYTES + CHECKSUM_BYTES), content->count);
  if (memcmp(data, MAGIC, sizeof MAGIC) != 0)
    return nn_fail("%s: expected a checkpoint, which begins with '%.8s'", path, MAGIC);
  memcpy(&version, data + sizeof MAGIC, sizeof version);
  if (version != VERSION)
    return nn_fail("%s: expected version %" PRIu64 ", found %" PRIu64, path, VERSION, version);
  memcpy(head, data + 16, sizeof *head);
  memcpy(&floats, data + FRONT_BYTES - sizeof floats, sizeof floats);
  if (floats > FLOATS_MAX ||
      content->count != FRONT_BYTES + (size_t)floats * sizeof(float) + CHECKSUM_BYTES)
    return nn_fail("%s: expected the bytes of %" PRIu64 " floats, found a file of %zu bytes", path,
                   floats, content->count);
  memcpy(&sum, data + content->count - CHECKSUM_BYTES, sizeof sum);
  const uint64_t computed = checksum(data, content->count - CHECKSUM_BYTES);
  if (sum != computed)
    return nn_fail("%s: damaged: its checksum is %016" PRIx64 ", its content has %016" PRIx64, path,
                   sum, computed);
  return nn_check_head(path, head, floats);
}

static bool open_checkpoint(const char *path, bytes *content, nn_checkpoint *head) {
  *content = (bytes){NULL, 0};
  if (read_file(path, content) && check_content(path, content, head)) return true;
  free(content->data);
  return false;
}

bool nn_read_checkpoint(const char *path, nn_checkpoint *head) {
  bytes content;
  if (!open_checkpoint(path, &content, head)) return false;
  free(content.data);
  return true;
}

bool nn_load_checkpoint(const char *path, nn_network *network, const nn_model *model,
                        nn_checkpoint *head) {
  bytes content;
  uint64_t floats = 0;
  if (!open_checkpoint(path, &content, head)) return false;
  for_each_array(network, count_floats, &floats);
  const size_t wanted = FRONT_BYTES + (size_t)floats * sizeof(float) + CHECKSUM_BYTES;
  bool done = memcmp(&head->model, model, sizeof *model) == 0 ||
              nn_fail(
                  "%s: holds another network (%s of depth %d and width %d for %d x %d pixels, "
                  "seed %u) or other options than expected (%s, %d, %d, %d x %d, seed %u)",
                  path, nn_model_name(&head->model), head->model.depth, head->model.width,
                  head->model.h, head->model.w, head->model.seed, nn_model_name(model),
                  model->depth, model->width, model->h, model->w, model->seed);
  done = done && (content.count == wanted ||
                  nn_fail("%s: expected %zu bytes, found %zu", path, wanted, content.count));
  const unsigned char *from = content.data + FRONT_BYTES;
  done = done && for_each_array(network, take_array, &from);
  if (done) network->step = head->step;
  free(content.data);
  return done;
}
