#include "fuzz/input.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

unsigned fuzz_byte(fuzz_input *input) {
  if (input->left == 0) return 0;
  --input->left;
  return *input->bytes++;
}

int fuzz_below(fuzz_input *input, int count) {
  return count > 1 ? (int)(fuzz_byte(input) % (unsigned)count) : 0;
}

bool fuzz_one_in(fuzz_input *input, int count) {
  return fuzz_below(input, count) == count - 1;
}

uint64_t fuzz_number(fuzz_input *input) {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number |= (uint64_t)fuzz_byte(input) << 8 * i;
  return number;
}

void fuzz_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("FINDING: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  abort();
}

static char folder[256];
static const char *const *folder_files;

static void remove_folder(void) {
  char path[512];
  for (int i = 0; folder_files[i]; ++i) {
    snprintf(path, sizeof path, "%s/%s", folder, folder_files[i]);
    unlink(path);
  }
  rmdir(folder);
}

const char *fuzz_folder(const char *const names[]) {
  const char *const parent = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/cubn-fuzz-XXXXXX", parent ? parent : "/tmp");
  if (!mkdtemp(folder)) fuzz_fail("no folder %s", folder);
  folder_files = names;
  atexit(remove_folder);
  return folder;
}

void fuzz_write_file(const char *path, const void *bytes, size_t count) {
  unlink(path);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0)
    fuzz_fail("%s: cannot write", path);
}
