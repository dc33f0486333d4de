/* cubn-checksums [FILE]: a checksum of all outputs of every problem line of FILE (default:
 * tests/tools/checksums.txt), for every algorithm that accepts it, on every instruction set of the
 * CPU; on the emulator, for the CUDA algorithms instead.
 *
 * Two builds whose outputs are the same to the bit print the same text. So a change that is meant
 * to leave the numbers alone is checked by
 *     build/tests/cubn-checksums > before; ... > after; cmp before after
 * on one machine with one compiler. Each result is compared with the oracle, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/run_algo.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#else
#include "cpu/common/device.h"
#endif

enum { LINE_CHARS = 256 };

/* FNV-1a, 64 bits, over every array of the call, guards and gaps included. */
static uint64_t checksum(const data_set *set) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (int array = 0; array < DATA_ARRAYS; ++array)
    for (size_t i = 0; i < set->arrays[array].block_bytes; ++i)
      hash = (hash ^ set->arrays[array].block[i]) * 0x100000001b3u;
  return hash;
}

/* Runs the line with one algorithm, and prints a line unless it is refused. */
static bool print_checksum(cubnHandle_t handle, const char *target, const cubn_algo *algo,
                           const line_problem *problem, const char *line) {
  data_set before, after;
  char report[1024];
  const algo_outcome outcome =
      run_algo(handle, algo, problem, &before, &after, NULL, report, sizeof report);
  if (outcome != ALGO_REFUSED)
    printf("%s %s: %s: %016llx\n", target, algo->name, line, (unsigned long long)checksum(&after));
  if (outcome == ALGO_FAILED) printf("WRONG: %s\n", report);
  data_destroy(&before);
  data_destroy(&after);
  return outcome != ALGO_FAILED;
}

/* Runs all algorithms of the pass. */
static bool run_line_of_file(cubnHandle_t handle, const char *target, const char *line) {
  line_problem problem;
  const char *const wrong = line_parse(line, &problem);
  if (wrong) {
    printf("%s: %s\n", line, wrong);
    return false;
  }
  bool good = true;
  for (const cubn_algo *const *algo = handle->backend->algos[problem.pass]; *algo; ++algo)
    good = print_checksum(handle, target, *algo, &problem, line) && good;
  return good;
}

static bool run_file(cubnHandle_t handle, const char *target, FILE *file) {
  char line[LINE_CHARS];
  bool good = true;
  rewind(file);
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (line[0] && line[0] != '#') good = run_line_of_file(handle, target, line) && good;
  }
  return good;
}

#ifdef CUBN_TESTS_EMULATED
enum { FEW_SMS = 20 }; /* Small problems then take the paths of large ones. */

static bool run_targets(FILE *file) {
  static const char *const gpus[] = {"sm80", "sm90"};
  bool good = true;
  for (size_t i = 0; i < sizeof gpus / sizeof *gpus; ++i) {
    cubnHandle_t handle;
    emu_set_device(gpus[i], FEW_SMS);
    if (cubnCreateOnDevice(&handle, "cuda") != CUBN_STATUS_SUCCESS) return false;
    good = run_file(handle, gpus[i], file) && good;
    good = cubnDestroy(handle) == CUBN_STATUS_SUCCESS && good;
  }
  return good;
}
#else
/* Replaces the cache sizes that the handle found by fixed ones, large and small. */
static bool run_targets(FILE *file) {
  static const char *const targets[] = {"generic", "avx2", "avx512", "neon"};
  static const int64_t cache_bytes[][2] = {{1 << 20, 32 << 20}, {4096, 4096}};
  bool good = true;
  for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i)
    for (size_t k = 0; k < 2; ++k) {
      cubnHandle_t handle;
      char title[64];
      setenv("CUBN_CPU_TARGET", targets[i], 1);
      const cubnStatus_t status = cubnCreateOnDevice(&handle, "cpu");
      if (status == CUBN_STATUS_NOT_SUPPORTED) continue;
      if (status != CUBN_STATUS_SUCCESS) return false;
      struct cubn_device *const device = handle->device;
      device->machine.l2_bytes = cache_bytes[k][0];
      device->machine.llc_bytes = cache_bytes[k][1];
      snprintf(title, sizeof title, "%s%s", targets[i], k ? " (small caches)" : "");
      good = run_file(handle, title, file) && good;
      good = cubnDestroy(handle) == CUBN_STATUS_SUCCESS && good;
    }
  return good;
}
#endif

int main(int count, char **words) {
  const char *const name = count > 1 ? words[1] : "tests/tools/checksums.txt";
  FILE *const file = fopen(name, "r");
  if (!file) {
    fprintf(stderr, "cubn-checksums: %s cannot be read\n", name);
    return EXIT_FAILURE;
  }
  const bool good = run_targets(file);
  fclose(file);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
