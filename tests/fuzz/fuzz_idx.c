/* The examples' reader of IDX files: any two files give images that are consistent, or a message
 * that names the file. The first two bytes say how many of the others are the file of images. */
#include <stdio.h>
#include <string.h>

#include "fuzz/input.h"
#include "nn/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static const char *const names[] = {"t-images-idx3-ubyte", "t-labels-idx1-ubyte", NULL};

/* Reads every byte, and checks what readers rely on. */
static void check(const nn_images *images) {
  if (images->count < 1 || images->h < 1 || images->w < 1 || images->h > NN_SIDE_MAX ||
      images->w > NN_SIDE_MAX)
    fuzz_fail("%d images of %d x %d", images->count, images->h, images->w);
  const size_t pixels = (size_t)images->count * (size_t)images->h * (size_t)images->w;
  unsigned sum = 0;
  for (size_t i = 0; i < pixels; ++i) sum += images->pixels[i];
  for (int i = 0; i < images->count; ++i)
    if (images->labels[i] >= NN_CLASSES) fuzz_fail("label %d", images->labels[i]);
  nn_fail("%u", sum); /* so that the sum is computed */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static const char *folder;
  static char paths[2][300];
  if (!folder) {
    folder = fuzz_folder(names);
    for (int i = 0; i < 2; ++i) snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
  }
  if (count < 2) return 0;
  const size_t behind = count - 2, wanted = (size_t)bytes[0] << 8 | bytes[1];
  const size_t first = wanted < behind ? wanted : behind;
  fuzz_write_file(paths[0], bytes + 2, first);
  fuzz_write_file(paths[1], bytes + 2 + first, behind - first);
  nn_images images;
  nn_fail("%s", "");
  if (nn_read_images(&images, folder, "t")) {
    check(&images);
    nn_free_images(&images);
  } else if (strstr(nn_message(), folder) == NULL) {
    fuzz_fail("the message does not name the file: %s", nn_message());
  }
  return 0;
}
