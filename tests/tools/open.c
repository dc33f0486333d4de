/* Times the creation of handles: the first loads kernels and creates the context of a GPU, the
 * second finds both.
 *
 *   cubn-open cuda */
#include <stdio.h>
#include <time.h>

#include "cubn.h"

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int open_once(const char *device, const char *what) {
  cubnHandle_t handle;
  char message[512];
  const double begin = now();
  if (cubnCreateOnDevice(&handle, device) != CUBN_STATUS_SUCCESS) {
    cubnGetLastErrorString(message, sizeof message);
    fprintf(stderr, "%s\n", message);
    return 0;
  }
  printf("%s handle: %.3f s\n", what, now() - begin);
  return cubnDestroy(handle) == CUBN_STATUS_SUCCESS;
}

int main(int count, char **words) {
  if (count != 2) {
    fprintf(stderr, "usage: cubn-open DEVICE\n");
    return 2;
  }
  return !(open_once(words[1], "first") && open_once(words[1], "second"));
}
