/* The machine: caches, threads, and the best instruction set that the CPU and this build have. */
#include "cpu/common/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "cpu/pool/pool.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

/* Taken where the system does not say: what common processors have at least. */
enum { L2_GUESS = 512 << 10, LLC_GUESS = 8 << 20, THREADS_MAX = 1024 };

/* The tables of kernels/kernels.c. The build says which there are: CUBN_CPU_KERNELS(X) is X(target,
 * type) for each, say X(avx2, f32). */
#define DECLARE(target, type)                               \
  extern const cubn_kernels cubn_kernels_##target##_##type; \
  extern const cubn_masked_kernels cubn_kernels_##target##_##type##_masked;
CUBN_CPU_KERNELS(DECLARE)

typedef struct table {
  const char *target, *type;
  const cubn_kernels *kernels;
  const cubn_masked_kernels *masked;
} table;

#define ROW(target, type) \
  {#target, #type, &cubn_kernels_##target##_##type, &cubn_kernels_##target##_##type##_masked},
static const table tables[] = {CUBN_CPU_KERNELS(ROW)};

/* The table of a target and type, of any type if it is NULL; NULL if it was not built. */
static const cubn_kernels *find_table(const char *target, const char *type) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; ++i)
    if (strcmp(tables[i].target, target) == 0 && (!type || strcmp(tables[i].type, type) == 0))
      return tables[i].kernels;
  return NULL;
}

static bool always(void) {
  return true;
}

#ifdef __x86_64__
/* clang 14 does not know the name of this one. */
static bool has_f16c(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#else
static bool has_avx2(void) {
  return false;
}

static bool has_avx512(void) {
  return false;
}
#endif

typedef struct target {
  const char *name;
  bool (*is_available)(void); /* on this CPU */
} target;

/* The best first. */
static const target targets[] = {
    {"avx512", has_avx512}, {"avx2", has_avx2}, {"neon", always}, {"generic", always}};

static bool is_known(const char *name) {
  for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i)
    if (strcmp(name, targets[i].name) == 0) return true;
  return false;
}

static cubnStatus_t choose_target(const target **chosen) {
  const char *wanted = getenv("CUBN_CPU_TARGET");
  const bool any = wanted == NULL || *wanted == '\0';
  CUBN_REQUIRE(any || is_known(wanted), "cpu",
               "CUBN_CPU_TARGET is \"%s\", must be generic, avx2, avx512 or neon", wanted);
  for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i) {
    *chosen = &targets[i];
    if ((any || strcmp(wanted, targets[i].name) == 0) && targets[i].is_available() &&
        find_table(targets[i].name, NULL))
      return CUBN_STATUS_SUCCESS;
  }
  CUBN_REQUIRE(!any, "cpu", "this build has no kernels that this CPU can run");
  return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cpu",
                   "CUBN_CPU_TARGET is \"%s\", which this CPU or this build does not have", wanted);
}

/* Of the first CPU, as Linux tells it; sysconf may give the sum over all. */
static int64_t cache_bytes(int level, int64_t guess) {
  for (int index = 0; index < 8; ++index) {
    char path[96];
    int found = 0;
    long long kibibytes = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", index);
    FILE *file = fopen(path, "r");
    if (file == NULL) break;
    if (fscanf(file, "%d", &found) != 1) found = 0;
    fclose(file);
    if (found != level) continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    file = fopen(path, "r");
    if (file == NULL) break;
    if (fscanf(file, "%lldK", &kibibytes) != 1) kibibytes = 0;
    fclose(file);
    if (kibibytes > 0) return kibibytes << 10;
  }
  return guess;
}

static int threads_of_machine(int threads) {
  if (threads > 0) return threads;
  threads = cubn_pool_default_threads();
  return threads < THREADS_MAX ? threads : THREADS_MAX;
}

cubnStatus_t cubn_machine_read(int threads, cubn_machine *machine) {
  const target *chosen = NULL;
  CUBN_TRY(choose_target(&chosen));
  *machine = (cubn_machine){.l2_bytes = cache_bytes(2, L2_GUESS),
                            .threads = threads_of_machine(threads),
                            .f32 = find_table(chosen->name, "f32"),
                            .f64 = find_table(chosen->name, "f64"),
                            .f16 = find_table(chosen->name, "f16"),
                            .bf16 = find_table(chosen->name, "bf16")};
  machine->llc_bytes = cache_bytes(3, LLC_GUESS);
  return CUBN_STATUS_SUCCESS;
}

const cubn_kernels *cubn_machine_kernels(const cubn_machine *machine, cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_FLOAT:
      return machine->f32;
    case CUBN_DATA_DOUBLE:
      return machine->f64;
    case CUBN_DATA_HALF:
      return machine->f16;
    case CUBN_DATA_BFLOAT16:
      return machine->bf16;
    case CUBN_DATA_INT8:
      return NULL;
  }
  return NULL;
}

const cubn_masked_kernels *cubn_machine_masked(const cubn_kernels *kernels) {
  size_t i = 0;
  while (tables[i].kernels != kernels) ++i;
  return tables[i].masked;
}
