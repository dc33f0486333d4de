#include "timers/cpu_name.h"

#include <stdio.h>
#include <string.h>

void bench_cpu_name(char *name, size_t name_bytes) {
  char line[256];
  snprintf(name, name_bytes, "CPU");
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) || !colon) continue;
    snprintf(name, name_bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    break;
  }
  if (file) fclose(file);
}
