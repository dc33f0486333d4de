/* Its libraries find each other in LD_LIBRARY_PATH, which the loader reads at a program's start. */
#include "peers/onednn_fetched.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FETCHED "/.deps/onednn"
#define LIBRARY "libdnnl.so.3"

/* Writes the folder into `folder`, whose room is PATH_MAX. */
static bool find_folder(char *folder) {
  char file[PATH_MAX + 64];
  const ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - sizeof FETCHED);
  if (length < 0 || length == PATH_MAX - (ssize_t)sizeof FETCHED) return false;
  folder[length] = '\0';
  for (char *end; (end = strrchr(folder, '/')) != NULL;) {
    memcpy(end, FETCHED, sizeof FETCHED);
    snprintf(file, sizeof file, "%s/" LIBRARY, folder);
    if (!access(file, R_OK)) return true;
    *end = '\0';
  }
  return false;
}

void bench_find_fetched_onednn(char **argv) {
  char folder[PATH_MAX], value[2 * PATH_MAX];
  const char *const paths = getenv("LD_LIBRARY_PATH"), *const given = getenv("ONEDNN_LIB");
  if ((given && *given) || !find_folder(folder) || (paths && strstr(paths, folder))) return;
  void *found = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
  if (found) {
    dlclose(found);
    return;
  }
  const char *const separator = paths && *paths ? ":" : "";
  const int used = snprintf(value, sizeof value, "%s%s%s", folder, separator, paths ? paths : "");
  if (used < 0 || (size_t)used >= sizeof value) return;
  setenv("LD_LIBRARY_PATH", value, 1);
  snprintf(value, sizeof value, "%s/libintelocl.so", folder);
  setenv("OCL_ICD_FILENAMES", value, 0);
  execv("/proc/self/exe", argv); /* if this fails, the peer is reported as not found */
}
