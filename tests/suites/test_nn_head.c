/* Numbers in the head of a checkpoint beyond their limits, behind a right checksum: refused with
 * the file, the field and the value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/checkpoint.h"
#include "nn/idx.h"
#include "suites/support/suite.h"

enum {
  FLOATS = 1000,
  HEAD_AT = 16,
  FILE_BYTES = HEAD_AT + sizeof(nn_checkpoint) + 8 + 4 * FLOATS + 8
};

static const nn_checkpoint good = {.model = {.kind = NN_MLP,
                                             .activation = NN_RELU,
                                             .batch_norm = 1,
                                             .h = 4,
                                             .w = 4,
                                             .depth = 2,
                                             .width = 10,
                                             .gain = 1.0f},
                                   .epochs = 1,
                                   .batch = 12,
                                   .pixel_scale = 1.0f};

static char path[256];

static void write_checkpoint(const nn_checkpoint *head) {
  static unsigned char bytes[FILE_BYTES];
  const uint64_t version = 1, floats = FLOATS;
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
  memcpy(bytes, "cubn net", 8);
  memcpy(bytes + 8, &version, sizeof version);
  memcpy(bytes + HEAD_AT, head, sizeof *head);
  memcpy(bytes + HEAD_AT + sizeof *head, &floats, sizeof floats);
  for (size_t i = 0; i < sizeof bytes - 8; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  memcpy(bytes + sizeof bytes - 8, &hash, sizeof hash);
  unlink(path);
  FILE *file = fopen(path, "wb");
  CU_ASSERT_FATAL(file != NULL);
  CU_ASSERT_EQUAL(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
  CU_ASSERT_EQUAL(fclose(file), 0);
}

/* A field of the head, its value in the file, and what the message says of it. */
typedef struct bad_field {
  size_t offset;
  int32_t value;
  const char *text;
} bad_field;

#define FIELD(name) offsetof(nn_checkpoint, name)
static const bad_field bad_fields[] = {
    {FIELD(model.kind), 3, ": model: expected 0 to 2, found 3"},
    {FIELD(model.kind), -1, ": model: expected 0 to 2, found 4.2949673e+09"},
    {FIELD(model.activation), 4, ": activation: expected 0 to 3, found 4"},
    {FIELD(model.batch_norm), 2, ": batch norm: expected 0 to 1, found 2"},
    {FIELD(model.per_activation), 2, ": per activation: expected 0 to 1, found 2"},
    {FIELD(model.noise), -1, ": noise: expected 0 to 1, found 4.2949673e+09"},
    {FIELD(model.h), 0, ": height: expected 1 to 1024, found 0"},
    {FIELD(model.h), 1025, ": height: expected 1 to 1024, found 1025"},
    {FIELD(model.w), -8, ": width of the images: expected 1 to 1024, found -8"},
    {FIELD(model.depth), 0, ": depth: expected 1 to 30, found 0"},
    {FIELD(model.depth), 31, ": depth: expected 1 to 30, found 31"},
    {FIELD(model.width), 0, ": width: expected 1 to 4096, found 0"},
    {FIELD(model.width), INT32_MIN, ": width: expected 1 to 4096, found -2.14748365e+09"},
    {FIELD(model.width), 4096, ": floats: expected 33685504 or more for depth 2 and width 4096"},
    {FIELD(model.gain), 0, ": gain: expected 9.99999997e-07 to 1000000, found 0"},
    {FIELD(model.gain), 0x7fc00000, ": gain: expected 9.99999997e-07 to 1000000, found nan"},
    {FIELD(model.dropout), 0x3f800000, ": dropout: expected 0 to 0.99000001, found 1"},
    {FIELD(epochs), -1, ": epochs: expected 0 to 10000, found -1"},
    {FIELD(batch), INT32_MAX, ": batch: expected 0 to 65536, found 2.14748365e+09"},
    {FIELD(pixel_scale), (int32_t)0xff800000, ": pixel scale: expected 0 to 1, found -inf"},
    {FIELD(pixel_scale), (int32_t)0xbf800000, ": pixel scale: expected 0 to 1, found -1"},
    {FIELD(zero), 1, ": zero: expected 0 to 0, found 1"},
};

static void open_path(void) {
  const char *const parent = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/cubn-head-XXXXXX", parent ? parent : "/tmp");
  const int file = mkstemp(path);
  CU_ASSERT_FATAL(file >= 0);
  close(file);
}

static void test_limits(void) {
  nn_checkpoint head, found;
  open_path();
  for (size_t i = 0; i < sizeof bad_fields / sizeof *bad_fields; ++i) {
    head = good;
    memcpy((char *)&head + bad_fields[i].offset, &bad_fields[i].value, sizeof(int32_t));
    write_checkpoint(&head);
    nn_fail("(nothing)");
    SUITE_CHECK(!nn_read_checkpoint(path, &found), "read, but should not%s", bad_fields[i].text);
    SUITE_CHECK(strstr(nn_message(), path) && strstr(nn_message(), bad_fields[i].text),
                "message without '%s': %s", bad_fields[i].text, nn_message());
  }
  write_checkpoint(&good);
  SUITE_CHECK(nn_read_checkpoint(path, &found) && !memcmp(&found, &good, sizeof found), "%s",
              nn_message());
  unlink(path);
}

/* What options may ask for can be read again; LeNet has no depth and width. */
static void test_extremes(void) {
  nn_checkpoint head = good;
  open_path();
  head.model = (nn_model){.kind = NN_LENET, .h = NN_SIDE_MAX, .w = 1, .gain = 1e-6f};
  head.model.dropout = 0.99f;
  head.epochs = NN_EPOCHS_MAX;
  head.batch = NN_BATCH_MAX;
  write_checkpoint(&head);
  SUITE_CHECK(nn_read_checkpoint(path, &head), "%s", nn_message());
  unlink(path);
}

void test_nn_head_suites(void) {
  static const suite_test tests[] = {{"numbers beyond their limits", test_limits},
                                     {"numbers at their limits", test_extremes},
                                     {NULL, NULL}};
  suite_add("nn checkpoint heads", SUITE_HOST, tests);
}
