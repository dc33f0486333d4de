/* Where the log goes: any CUBN_LOGDEST, CUBN_LOGLEVEL and CUBN_LOG, with paths in a folder of the
 * fuzzer. Creating a handle and a failed call never crash, block or end the process, and write no
 * file but the one that is named.
 *
 * The input: a byte of options, then the three values, each up to a zero byte. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cubn.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { VALUE_MAX = 6000 };
/* What lies where the log is to go. */
enum { NOTHING, A_FILE, A_FOLDER, A_FIFO, A_FIFO_WITH_READER, PLACES };
enum { OPTION_LONG = 1, OPTION_NAMES = 2 };

static const char *const names[] = {NULL};

/* A value up to a zero byte. */
static void read_value(fuzz_input *input, char value[VALUE_MAX]) {
  size_t length = 0;
  for (unsigned byte; length + 1 < VALUE_MAX && (byte = fuzz_byte(input)) != 0; ++length)
    value[length] = (char)byte;
  value[length] = '\0';
}

/* A name in the folder, sometimes behind a long way to it. */
static void choose_destination(fuzz_input *input, const char *folder, unsigned options,
                               char destination[VALUE_MAX]) {
  static const char *const special[] = {"", "stderr", "stdout"};
  char value[VALUE_MAX];
  read_value(input, value);
  if (options & OPTION_NAMES) {
    snprintf(destination, VALUE_MAX, "%s", special[options >> 2 & 3 ? (options >> 2 & 3) - 1 : 0]);
    return;
  }
  for (char *at = value; *at; ++at)
    if (*at == '/') *at = '_';
  int length = snprintf(destination, VALUE_MAX, "%s/", folder);
  for (unsigned i = 0; options & OPTION_LONG && i < 8 + (options >> 4) * 8; ++i)
    length += snprintf(destination + length, 16, "././././");
  snprintf(destination + length, (size_t)(VALUE_MAX - length), "%.300s", value);
}

/* The file that the header names: "%i" once is the number of the process. */
static void expand(const char *destination, char path[VALUE_MAX]) {
  const char *const mark = strstr(destination, "%i");
  if (mark)
    snprintf(path, VALUE_MAX, "%.*s%ld%s", (int)(mark - destination), destination, (long)getpid(),
             mark + 2);
  else
    snprintf(path, VALUE_MAX, "%s", destination);
}

/* Returns a reader's descriptor, or -1. */
static int make_place(int place, const char *path) {
  const size_t length = strlen(path);
  if (length > 0 && path[length - 1] == '/') return -1;
  if (place == A_FILE) {
    const int file = open(path, O_CREAT | O_WRONLY, 0600);
    if (file >= 0) close(file);
  }
  if (place == A_FOLDER) mkdir(path, 0700);
  if (place < A_FIFO || mkfifo(path, 0600) != 0) return -1;
  return place == A_FIFO_WITH_READER ? open(path, O_RDONLY | O_NONBLOCK) : -1;
}

/* Removes everything, and looks for what is not the file `path`. */
static void clear_folder(const char *folder, const char *path) {
  const char *const wanted = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  char found[VALUE_MAX], other[300] = "";
  DIR *const directory = opendir(folder);
  if (!directory) fuzz_fail("%s cannot be read", folder);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    snprintf(found, sizeof found, "%s/%s", folder, entry->d_name);
    if (unlink(found) != 0) rmdir(found);
    if (strcmp(entry->d_name, wanted) != 0) snprintf(other, sizeof other, "%s", entry->d_name);
  }
  closedir(directory);
  if (other[0]) fuzz_fail("the log was to go to '%s', but there is '%s'", wanted, other);
}

/* What is logged, and failures of the log. The reader leaves in between. */
static void use_library(int reader) {
  cubnHandle_t handle = NULL;
  char message[256];
  const cubnStatus_t status = cubnCreateOnDevice(&handle, "cpu");
  if (status != CUBN_STATUS_SUCCESS) cubnGetLastErrorString(message, sizeof message);
  if (status != CUBN_STATUS_SUCCESS && strstr(message, "CUBN_LOG") == NULL)
    fuzz_fail("no handle: %s", message);
  cubnSynchronize(NULL);
  if (reader >= 0) close(reader);
  cubnSynchronize(NULL);
  cubnDestroy(handle);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static const char *folder;
  char destination[VALUE_MAX], level[VALUE_MAX], all[VALUE_MAX], path[VALUE_MAX];
  fuzz_input input = {bytes, count};
  if (!folder) folder = fuzz_folder(names);
  const int place = fuzz_below(&input, PLACES);
  choose_destination(&input, folder, fuzz_byte(&input), destination);
  read_value(&input, level);
  read_value(&input, all);
  expand(destination, path);
  const int reader = strchr(path, '/') ? make_place(place, path) : -1;
  setenv("CUBN_LOGDEST", destination, 1);
  setenv("CUBN_LOGLEVEL", level, 1);
  setenv("CUBN_LOG", all, 1);
  const int error = dup(STDERR_FILENO), output = dup(STDOUT_FILENO);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDERR_FILENO);
  dup2(nowhere, STDOUT_FILENO);
  use_library(reader);
  fflush(stdout);
  dup2(error, STDERR_FILENO);
  dup2(output, STDOUT_FILENO);
  close(error);
  close(output);
  close(nowhere);
  clear_folder(folder, path);
  return 0;
}
