#include "processes/find.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool bench_find_program(char path[PATH_MAX]) {
  const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return true;
}

/* `folder` is shortened on the way up. */
static bool find_from(char *folder, const char *file, char path[PATH_MAX]) {
  for (char *end = folder + strlen(folder); end; end = strrchr(folder, '/')) {
    *end = '\0';
    const int length = snprintf(path, PATH_MAX, "%s/%s", folder, file);
    if (length > 0 && length < PATH_MAX && !access(path, R_OK)) return true;
  }
  return false;
}

bool bench_find_above(const char *file, char path[PATH_MAX]) {
  char folder[PATH_MAX];
  if (bench_find_program(folder) && find_from(folder, file, path)) return true;
  return getcwd(folder, sizeof folder) && find_from(folder, file, path);
}
