/* The example's reader of IDX files: good files, and every defect that a file can have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/idx.h"
#include "nn/random.h"
#include "suites/support/suite.h"

/* Two images of 2 x 3 pixels. */
static const unsigned char good_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0,  0,  2,   0, 0,
                                            0, 3, 1, 2, 3, 4, 5, 6, 7, 11, 12, 255, 0, 9};
static const unsigned char good_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 9, 0};

static char directory[256], images_path[300], labels_path[300];

/* Writes a new file each time: some file systems flush files that are written again. */
static bool write_file(const char *path, const unsigned char *bytes, size_t count) {
  unlink(path);
  FILE *file = fopen(path, "wb");
  if (!file) return false;
  const bool written = fwrite(bytes, 1, count, file) == count;
  return fclose(file) == 0 && written;
}

static bool open_directory(void) {
  const char *const parent = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/cubn-idx-XXXXXX", parent ? parent : "/tmp");
  if (!SUITE_CHECK(mkdtemp(directory) != NULL, "no directory %s", directory)) return false;
  snprintf(images_path, sizeof images_path, "%s/t-images-idx3-ubyte", directory);
  snprintf(labels_path, sizeof labels_path, "%s/t-labels-idx1-ubyte", directory);
  return SUITE_CHECK(write_file(images_path, good_images, sizeof good_images) &&
                         write_file(labels_path, good_labels, sizeof good_labels),
                     "no files in %s", directory);
}

static void close_directory(void) {
  unlink(images_path);
  unlink(labels_path);
  rmdir(directory);
}

/* Reading must fail with a message that names the file and the two texts. */
static void expect_failure(const char *path, const char *expected, const char *found) {
  nn_images images;
  nn_fail("(nothing)");
  SUITE_CHECK(!nn_read_images(&images, directory, "t"), "read, but should not: %s / %s", expected,
              found);
  const char *const message = nn_message();
  SUITE_CHECK(strstr(message, path) && strstr(message, expected) && strstr(message, found),
              "message without '%s', '%s' or '%s': %s", path, expected, found, message);
}

static void test_good_files(void) {
  nn_images images;
  if (!open_directory()) return;
  if (SUITE_CHECK(nn_read_images(&images, directory, "t"), "%s", nn_message())) {
    CU_ASSERT_EQUAL(images.count, 2);
    CU_ASSERT_EQUAL(images.h, 2);
    CU_ASSERT_EQUAL(images.w, 3);
    CU_ASSERT(memcmp(images.pixels, good_images + 16, 12) == 0);
    CU_ASSERT(memcmp(images.labels, good_labels + 8, 2) == 0);
    nn_free_images(&images);
  }
  close_directory();
}

/* The bytes of a good file, one of them changed, cut or extended to a size. */
typedef struct bad_file {
  int labels; /* which file */
  size_t position;
  unsigned char value;
  size_t bytes;
  const char *expected, *found;
} bad_file;

static const bad_file bad_files[] = {
    {0, 0, 0, 0, "header of 16 bytes", "found 0"},
    {0, 0, 0, 3, "header of 16 bytes", "found 3"},
    {0, 0, 0, 15, "header of 16 bytes", "found 15"},
    {0, 3, 1, 28, "0x00000803", "0x00000801"},
    {0, 2, 9, 28, "0x00000803", "0x00000903"},
    {0, 0, 0xff, 28, "0x00000803", "0xff000803"},
    {0, 0, 0, 27, "28 bytes for 2 images", "found 27"},
    {0, 0, 0, 29, "28 bytes for 2 images", "found 29"},
    {0, 0, 0, 16, "28 bytes for 2 images", "found 16"},
    {0, 7, 0, 28, "1 to 10000000 in dimension 0", "found 0"},
    {0, 7, 3, 28, "34 bytes for 3 images", "found 28"},
    {0, 4, 0xff, 28, "1 to 10000000 in dimension 0", "found 4278190082"},
    {0, 11, 0, 28, "1 to 1024 in dimension 1", "found 0"},
    {0, 12, 0x80, 28, "1 to 1024 in dimension 2", "found 2147483651"},
    {1, 0, 0, 0, "header of 8 bytes", "found 0"},
    {1, 3, 3, 10, "0x00000801", "0x00000803"},
    {1, 0, 0, 9, "10 bytes for 2 labels", "found 9"},
    {1, 7, 1, 9, "2 labels, as many as images", "found 1"},
    {1, 9, 10, 10, "labels 0 to 9", "found 10 at position 1"},
    {1, 8, 255, 10, "labels 0 to 9", "found 255 at position 0"},
};

static void test_bad_files(void) {
  if (!open_directory()) return;
  for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; ++i) {
    const bad_file *bad = &bad_files[i];
    unsigned char bytes[32] = {0};
    const char *const path = bad->labels ? labels_path : images_path;
    if (bad->labels)
      memcpy(bytes, good_labels, sizeof good_labels);
    else
      memcpy(bytes, good_images, sizeof good_images);
    if (bad->value > 0 || bad->position > 0) bytes[bad->position] = bad->value;
    CU_ASSERT(write_file(images_path, good_images, sizeof good_images));
    CU_ASSERT(write_file(labels_path, good_labels, sizeof good_labels));
    CU_ASSERT(write_file(path, bytes, bad->bytes));
    expect_failure(path, bad->expected, bad->found);
  }
  close_directory();
}

static void test_no_files(void) {
  static const unsigned char gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  nn_images images;
  if (!open_directory()) return;
  CU_ASSERT(write_file(images_path, gzip, sizeof gzip));
  expect_failure(images_path, "expected an IDX file", "found a gzip file");
  unlink(images_path);
  expect_failure(images_path, "cannot open", "No such file");
  CU_ASSERT(mkdir(images_path, 0700) == 0);
  expect_failure(images_path, "expected a regular file", "found something else");
  rmdir(images_path);
  char *const long_name = calloc(1, 2001);
  if (long_name) memset(long_name, 'd', 2000);
  CU_ASSERT(long_name && !nn_read_images(&images, long_name, "t"));
  CU_ASSERT(strstr(nn_message(), "2000 characters") != NULL);
  free(long_name);
  close_directory();
}

/* Any bytes must give either images that are consistent, or a message. */
static void check_any_bytes(const unsigned char *bytes, size_t count, bool labels) {
  nn_images images;
  nn_fail("%s", "");
  CU_ASSERT(write_file(labels ? labels_path : images_path, bytes, count));
  if (!nn_read_images(&images, directory, "t")) {
    SUITE_CHECK(nn_message()[0] != '\0', "failed without a message");
    return;
  }
  SUITE_CHECK(images.count > 0 && images.h > 0 && images.w > 0 && images.pixels && images.labels,
              "read %d images of %d x %d", images.count, images.h, images.w);
  for (int i = 0; i < images.count; ++i) CU_ASSERT(images.labels[i] < NN_CLASSES);
  nn_free_images(&images);
}

static void test_random_damage(void) {
  nn_random random = {1};
  if (!open_directory()) return;
  for (int round = 0; round < 2000; ++round) {
    const bool labels = round % 2 == 1;
    unsigned char bytes[40] = {0};
    size_t count = labels ? sizeof good_labels : sizeof good_images;
    CU_ASSERT(write_file(images_path, good_images, sizeof good_images));
    CU_ASSERT(write_file(labels_path, good_labels, sizeof good_labels));
    memcpy(bytes, labels ? good_labels : good_images, count);
    for (uint32_t changes = nn_random_below(&random, 4); changes > 0; --changes)
      bytes[nn_random_below(&random, (uint32_t)count)] = (unsigned char)nn_random_next(&random);
    if (nn_random_below(&random, 3) == 0) count = nn_random_below(&random, sizeof bytes);
    check_any_bytes(bytes, count, labels);
  }
  close_directory();
}

void test_idx_suites(void) {
  static const suite_test tests[] = {{"good files", test_good_files},
                                     {"each thing wrong", test_bad_files},
                                     {"no such files", test_no_files},
                                     {"random damage", test_random_damage},
                                     {NULL, NULL}};
  suite_add("idx", SUITE_HOST, tests);
}
