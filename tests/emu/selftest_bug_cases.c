/* Kernels with a mistake: the emulator must report each, with the right kind of error. */
#include <math.h>
#include <stdlib.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

enum { THREADS = 64 };

static void bug(int which) {
  float y[THREADS];
  float *device_y = upload(NULL, (4 * THREADS + 1) * sizeof *y);
  REQUIRE_CUDA(launch_bug((selftest_bug)which, device_y, 0));
  download(y, device_y, sizeof y);
  for (int t = 0; t < THREADS; ++t) {
    if (which == BUG_UNINITIALISED_SHARED) REQUIRE(!isnan(y[t]));
    if (which == BUG_SCRATCH_REUSE) REQUIRE(y[t] == 2016 + 64);
  }
}

static void cluster_rank(int unused) {
  (void)unused;
  bug(BUG_CLUSTER_RANK);
}

static void shared_alignment(int unused) {
  (void)unused;
  bug(BUG_SHARED_ALIGNMENT);
}

/* This counts as more than one block only if two are resident. */
static void plain_shared(int unused) {
  (void)unused;
  emu_set_seed(2);
  bug(BUG_PLAIN_SHARED);
}

static void endless_spin(int unused) {
  const unsigned one[THREADS * 5] = {1};
  (void)unused;
  float *y = upload(one, sizeof one);
  REQUIRE_CUDA(launch_bug(BUG_ENDLESS_SPIN, y, 0));
}

static void shared_size(int unused) {
  (void)unused;
  bug(BUG_SHARED_SIZE);
}

static void divergent(int which) {
  float y[THREADS];
  float *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_divergent(device_y, (selftest_divergence)which, 0));
  download(y, device_y, sizeof y);
}

static void overlap(int waits) {
  float y[THREADS];
  float *device_y = upload(NULL, sizeof y);
  REQUIRE_CUDA(launch_overlap(device_y, waits, 0));
  download(y, device_y, sizeof y);
  for (int t = 0; t < THREADS; ++t) REQUIRE(y[t] == 2);
}

static void read_host_memory(int unused) {
  float *host = calloc(THREADS, sizeof *host);
  float *y = upload(NULL, THREADS * sizeof *y);
  (void)unused;
  REQUIRE_CUDA(launch_read(host, y, 0));
}

static void read_uninitialised(int unused) {
  float y[THREADS];
  float *x = upload(NULL, sizeof y);
  float *device_y = upload(NULL, sizeof y);
  (void)unused;
  REQUIRE_CUDA(launch_read(x, device_y, 0));
  download(y, device_y, sizeof y);
  REQUIRE(!isnan(y[3]));
}

static void read_freed(int unused) {
  const float values[THREADS] = {0};
  float *x = upload(values, sizeof values);
  float *y = upload(NULL, sizeof values);
  (void)unused;
  REQUIRE_CUDA(cudaFree(x));
  REQUIRE_CUDA(launch_read(x, y, 0));
}

static void host_dereference(int unused) {
  volatile float *x = upload(NULL, 64);
  (void)unused;
  const float value = *x;
  (void)value;
}

#define EVERYWHERE(kind) kind, kind, kind

static const selftest_case cases[] = {
    {"shared memory not initialised", bug, BUG_UNINITIALISED_SHARED, NULL, MUST_BE_WRONG,
     "[uninitialised]", 0, 0},
    {"global memory not initialised", read_uninitialised, 0, NULL, MUST_BE_WRONG, "[uninitialised]",
     0, 0},
    {"index beyond a shared array", bug, BUG_SHARED_INDEX, NULL, "out of bounds", "[out-of-bounds]",
     0, 0},
    {"pointer beyond a shared array", bug, BUG_SHARED_POINTER, NULL, "AddressSanitizer",
     "[out-of-bounds]", 0, 0},
    {"shift by more than the width", bug, BUG_SHIFT, NULL, "shift exponent", NULL, 1, 0},
    {"misaligned vector store", bug, BUG_MISALIGNED_VECTOR, EVERYWHERE("[misaligned]"), 0, 0},
    {"misaligned vector load", bug, BUG_MISALIGNED_LOAD, EVERYWHERE("[misaligned]"), 0, 0},
    {"scratch reused without a barrier", bug, BUG_SCRATCH_REUSE, MUST_BE_WRONG, MUST_BE_WRONG,
     "[race]", 20, 1},
    {"race on a global word", bug, BUG_GLOBAL_RACE, NULL, NULL, "[race]", 0, 0},
    {"race on one byte", bug, BUG_BYTE_RACE, NULL, NULL, "[race] write after write", 0, 0},
    {"lane outside its mask", bug, BUG_WARP_MASK, EVERYWHERE("[warp-mask]"), 0, 0},
    {"two operations in one warp", bug, BUG_WARP_OPERATIONS, EVERYWHERE("[divergent-warp-op]"), 0,
     0},
    {"trap", bug, BUG_TRAP, EVERYWHERE("[trap] __trap()"), 0, 0},
    {"broken assumption", bug, BUG_ASSUME, EVERYWHERE("[trap] broken __builtin_assume"), 0, 0},
    {"spin without end", endless_spin, 0, EVERYWHERE("[livelock]"), 1, 0},
    {"too much shared memory", shared_size, 0, EVERYWHERE("[shared-size]"), 0, 0},
    {"alignment of dynamic shared memory", shared_alignment, 0, EVERYWHERE("[shared-align]"), 0, 0},
    {"rank outside the cluster", cluster_rank, 0, EVERYWHERE("[dsmem]"), 0, 0},
    {"plain __shared__ in two blocks", plain_shared, 0, EVERYWHERE("[plain-shared]"), 1, 0},
    {"half the block at a barrier", divergent, DIVERGENT_HALF_THE_BLOCK,
     EVERYWHERE("[exited-before-barrier]"), 0, 0},
    {"two different barriers", divergent, DIVERGENT_TWO_BARRIERS, EVERYWHERE("[divergent-barrier]"),
     0, 0},
    {"return before a barrier", divergent, DIVERGENT_EARLY_RETURN,
     EVERYWHERE("[exited-before-barrier]"), 0, 0},
    {"half a warp in a full shuffle", divergent, DIVERGENT_HALF_A_SHUFFLE, EVERYWHERE("[deadlock]"),
     0, 0},
    {"full mask with absent lanes", divergent, DIVERGENT_ABSENT_LANES, EVERYWHERE("[deadlock]"), 0,
     0},
    {"overlapping launches, no wait", overlap, 0, NULL, NULL, "[race] read after write", 0, 0},
    {"overlapping launches, with a wait", overlap, 1, NULL, NULL, NULL, 0, 0},
    {"kernel reads host memory", read_host_memory, 0, NULL, NULL, "[foreign-memory]", 0, 0},
    {"kernel reads freed memory", read_freed, 0, NULL, "AddressSanitizer", "[use-after-free]", 0,
     0},
    {"host dereferences a device pointer", host_dereference, 0, NULL, "AddressSanitizer",
     "[host-deref]", 1, 0},
};

int add_bug_cases(void) {
  return selftest_add_cases("wrong kernels", cases, sizeof cases / sizeof *cases);
}
