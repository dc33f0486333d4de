#include "suites/support/import_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/device.h"

static char folder[256];

static void append(import_file *file, const void *from, size_t count) {
  CU_ASSERT_FATAL(file->count + count <= IMPORT_FILE_MAX);
  memcpy(file->bytes + file->count, from, count);
  file->count += count;
}

void import_file_text(import_file *file, const char *text) {
  append(file, text, strlen(text));
}

void import_file_u32(import_file *file, uint32_t value) {
  append(file, &value, sizeof value);
}

void import_file_floats(import_file *file, int count, float first) {
  for (int i = 0; i < count; ++i) {
    const float value = first + (float)i;
    append(file, &value, sizeof value);
  }
}

/* ---- The folder ---- */

static const char *path_of(const char *name) {
  static char path[300];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

bool import_folder_open(void) {
  const char *const parent = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/cubn-import-XXXXXX", parent ? parent : "/tmp");
  return SUITE_CHECK(mkdtemp(folder) != NULL, "no folder %s", folder);
}

void import_folder_close(void) {
  static const char *const names[] = {"net.param", "net.bin",  "net.cfg", "net.weights",
                                      "net.bn",    "net.onnx", "net.csv"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) unlink(path_of(names[i]));
  SUITE_CHECK(rmdir(folder) == 0, "%s: more files than were written", folder);
}

/* Written anew each time: some file systems flush files that are written again. */
static void write_bytes(const char *name, const unsigned char *bytes, size_t count) {
  const char *const path = path_of(name);
  unlink(path);
  FILE *const file = fopen(path, "wb");
  CU_ASSERT_FATAL(file && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}

void import_folder_write(const import_file *file) {
  write_bytes(file->name, file->bytes, file->count);
}

bool import_folder_read(const char *name, import_norms *norms) {
  nn_fail("(nothing)");
  return import_read(path_of(name), norms);
}

/* ---- What is expected ---- */

void import_expect_refusal(const char *name, const char *where, const char *what) {
  import_norms norms;
  const bool is_read = import_folder_read(name, &norms);
  SUITE_CHECK(!is_read, "read, but should not: %s / %s", where, what);
  SUITE_CHECK(norms.count == 0 || is_read, "%d layers in spite of a failure", norms.count);
  const char *const message = nn_message();
  SUITE_CHECK(strstr(message, folder) && strstr(message, where) && strstr(message, what),
              "message without '%s', '%s' or '%s': %s", folder, where, what, message);
  import_free(&norms);
}

void import_expect_norm(const import_norms *norms, int index, const char *name, int channels,
                        double epsilon, import_root root, const float first[4]) {
  if (!SUITE_CHECK(index < norms->count, "%d layers, wanted %s", norms->count, name)) return;
  const import_norm *const norm = &norms->list[index];
  const float *const arrays[] = {norm->scale, norm->bias, norm->mean, norm->var};
  static const char *const names[] = {"scale", "bias", "mean", "var"};
  SUITE_CHECK(strcmp(norm->name, name) == 0 && norm->channels == channels &&
                  norm->epsilon == epsilon && norm->root == root,
              "%s with %d channels, epsilon %g, root %d; wanted %s, %d, %g, %d", norm->name,
              (int)norm->channels, norm->epsilon, (int)norm->root, name, channels, epsilon,
              (int)root);
  for (int a = 0; a < 4; ++a)
    for (int c = 0; c < channels && c < norm->channels; ++c)
      SUITE_CHECK(arrays[a][c] == first[a] + (float)c, "%s: %s[%d] is %g, wanted %g", name,
                  names[a], c, (double)arrays[a][c], (double)(first[a] + (float)c));
}

static bool are_equal(const import_norms *a, const import_norms *b) {
  bool equal = a->count == b->count;
  for (int i = 0; equal && i < a->count; ++i)
    equal = a->list[i].channels == b->list[i].channels &&
            a->list[i].epsilon == b->list[i].epsilon &&
            memcmp(a->list[i].scale, b->list[i].scale,
                   4 * sizeof(float) * (size_t)a->list[i].channels) == 0;
  return equal;
}

void import_expect_cuts_refused(const import_file *file, const char *main, bool may_read) {
  import_norms whole, norms;
  if (!SUITE_CHECK(import_folder_read(main, &whole), "%s", nn_message())) return;
  for (size_t count = 0; count < file->count; ++count) {
    write_bytes(file->name, file->bytes, count);
    if (import_folder_read(main, &norms))
      SUITE_CHECK(may_read && are_equal(&norms, &whole), "%s, %zu bytes: read", file->name, count);
    else
      SUITE_CHECK(strstr(nn_message(), folder), "%s, %zu bytes: %s", file->name, count,
                  nn_message());
    import_free(&norms);
  }
  import_free(&whole);
  import_folder_write(file);
}

void import_try_spoiled(const import_file *file, const char *main, size_t count) {
  static const unsigned char others[] = {0, 255, 128, '9', '-', '=', '\n', ' '};
  import_norms norms;
  for (size_t i = 0; i < count * sizeof others; ++i) {
    import_file spoiled = *file;
    spoiled.bytes[i / sizeof others] = others[i % sizeof others];
    import_folder_write(&spoiled);
    if (!import_folder_read(main, &norms))
      SUITE_CHECK(strstr(nn_message(), folder), "%s, byte %zu: %s", file->name, i / sizeof others,
                  nn_message());
    import_free(&norms);
  }
  import_folder_write(file);
}
