/* An IDX file is: two zero bytes, a type (8: unsigned bytes), the number of dimensions; each
 * dimension as a big-endian 32-bit number; the bytes. Nothing in it is believed before the size of
 * the file has confirmed it. */
#include "nn/idx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { IDX_DIM_MAX = 3 };
static const uint64_t COUNT_MAX = 10 * 1000 * 1000;

typedef struct idx_file {
  FILE *file;
  const char *path;
  uint64_t bytes;
  uint64_t dims[IDX_DIM_MAX];
} idx_file;

static bool open_file(idx_file *idx, const char *path) {
  struct stat status;
  idx->path = path;
  idx->file = fopen(path, "rb");
  if (idx->file == NULL) return nn_fail("%s: cannot open: %s", path, strerror(errno));
  if (fstat(fileno(idx->file), &status) != 0 || !S_ISREG(status.st_mode))
    return nn_fail("%s: expected a regular file, found something else", path);
  idx->bytes = (uint64_t)status.st_size;
  return true;
}

static uint32_t big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Reads magic number and dimensions, and checks them and the size of the file. */
static bool read_header(idx_file *idx, int rank) {
  unsigned char header[4 + 4 * IDX_DIM_MAX];
  const size_t header_bytes = 4 + 4 * (size_t)rank;
  const uint32_t magic = 0x0800u + (uint32_t)rank;
  const size_t found = fread(header, 1, header_bytes, idx->file);
  if (found >= 2 && header[0] == 0x1f && header[1] == 0x8b)
    return nn_fail("%s: expected an IDX file, found a gzip file: unpack it first", idx->path);
  if (found < header_bytes)
    return nn_fail("%s: expected a header of %zu bytes, found %zu", idx->path, header_bytes, found);
  if (big_endian(header) != magic)
    return nn_fail("%s: expected magic number 0x%08" PRIx32
                   " (unsigned bytes, %d dimensions), "
                   "found 0x%08" PRIx32,
                   idx->path, magic, rank, big_endian(header));
  uint64_t bytes = header_bytes, product = 1;
  for (int i = 0; i < rank; i++) {
    const uint64_t limit = i == 0 ? COUNT_MAX : NN_SIDE_MAX;
    idx->dims[i] = big_endian(header + 4 + 4 * i);
    if (idx->dims[i] < 1 || idx->dims[i] > limit)
      return nn_fail("%s: expected 1 to %" PRIu64 " in dimension %d, found %" PRIu64, idx->path,
                     limit, i, idx->dims[i]);
    product *= idx->dims[i];
  }
  bytes += product;
  if (idx->bytes != bytes)
    return nn_fail("%s: expected %" PRIu64 " bytes for %" PRIu64 " %s, found %" PRIu64, idx->path,
                   bytes, idx->dims[0], rank == 1 ? "labels" : "images", idx->bytes);
  return true;
}

/* The bytes after the header, or NULL. */
static uint8_t *read_body(idx_file *idx, size_t bytes) {
  uint8_t *body = malloc(bytes);
  if (body == NULL) {
    nn_fail("%s: no memory for %zu bytes", idx->path, bytes);
    return NULL;
  }
  const size_t found = fread(body, 1, bytes, idx->file);
  if (found == bytes) return body;
  nn_fail("%s: expected %zu bytes behind the header, found %zu", idx->path, bytes, found);
  free(body);
  return NULL;
}

bool nn_read_idx_images(nn_images *images, const char *path) {
  idx_file idx = {.file = NULL};
  uint8_t *pixels = NULL;
  if (open_file(&idx, path) && read_header(&idx, 3))
    pixels = read_body(&idx, (size_t)(idx.dims[0] * idx.dims[1] * idx.dims[2]));
  if (idx.file != NULL) fclose(idx.file);
  if (pixels == NULL) return false;
  images->count = (int)idx.dims[0];
  images->h = (int)idx.dims[1];
  images->w = (int)idx.dims[2];
  images->pixels = pixels;
  return true;
}

/* images->count must be set. */
bool nn_read_idx_labels(nn_images *images, const char *path) {
  idx_file idx = {.file = NULL};
  uint8_t *labels = NULL;
  if (open_file(&idx, path) && read_header(&idx, 1)) {
    if (idx.dims[0] == (uint64_t)images->count)
      labels = read_body(&idx, (size_t)idx.dims[0]);
    else
      nn_fail("%s: expected %d labels, as many as images, found %" PRIu64, path, images->count,
              idx.dims[0]);
  }
  if (idx.file != NULL) fclose(idx.file);
  for (int i = 0; labels != NULL && i < images->count; i++) {
    if (labels[i] < NN_CLASSES) continue;
    nn_fail("%s: expected labels 0 to %d, found %d at position %d", path, NN_CLASSES - 1, labels[i],
            i);
    free(labels);
    labels = NULL;
  }
  images->labels = labels;
  return labels != NULL;
}

bool nn_read_images(nn_images *images, const char *directory, const char *prefix) {
  char path[1024];
  memset(images, 0, sizeof *images);
  if (strlen(directory) + strlen(prefix) + 32 > sizeof path)
    return nn_fail("the path of the data directory is too long: %zu characters", strlen(directory));
  snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", directory, prefix);
  if (!nn_read_idx_images(images, path)) return false;
  snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", directory, prefix);
  if (nn_read_idx_labels(images, path)) return true;
  nn_free_images(images);
  return false;
}

void nn_free_images(nn_images *images) {
  free(images->pixels);
  free(images->labels);
  memset(images, 0, sizeof *images);
}
