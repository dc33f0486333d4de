/* The cooperative algorithm on devices so small that groups of channels are partitioned over
 * their blocks in every way: over one block group or two, in one tile or several, kept in shared
 * memory or copied again, by images or by ranges of rows. Needs the emulator, which can model
 * any device. */
#include "suites/support/suite.h"

void test_cooperative_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <string.h>

#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "emu/control.h"
#include "kit/emulated/traffic.h"
#include "kit/run_algo.h"

/* How groups are partitioned. */
typedef enum {
  ONE_TILE,        /* slice of a block */
  SOME_TILES_KEPT, /* some tiles stay in shared memory, others are copied again */
  ALL_TILES_KEPT   /* several tiles, all in shared memory */
} tile_use;

typedef struct cooperative_case {
  const char *line, *device;
  int sms;
  int block_groups, groups; /* least number of groups */
  tile_use tiles;
} cooperative_case;

/* The plan of the pass under test; the other pass, which prepares it, may use any algorithm. */
static cubn_block_group_plan plan;

/* Every problem that can be partitioned is accepted, also where two passes would be as good. */
static cubn_refusal note_plan(const cubn_device *device, const cubn_problem *problem) {
  plan = cubn_cooperative_plan(device, problem);
  return plan.groups == 0 ? cubn_refuse("cannot be partitioned") : cubn_accept();
}

static bool partitioned_as_wanted(const cooperative_case *wanted) {
  const bool tiles_match = wanted->tiles == ONE_TILE ? plan.tiles_per_block == 1
                           : wanted->tiles == SOME_TILES_KEPT
                               ? plan.tiles_per_block > plan.buffers
                               : plan.tiles_per_block > 1 && plan.tiles_per_block <= plan.buffers;
  return tiles_match && plan.block_groups == wanted->block_groups && plan.groups >= wanted->groups;
}

static cubn_algo noting_row(int pass) {
  cubn_algo row = pass == LINE_TRAIN ? cubn_cuda_train_cooperative : cubn_cuda_backward_cooperative;
  row.reject = note_plan;
  plan = (cubn_block_group_plan){0};
  return row;
}

static void expect_partition(const cooperative_case *wanted) {
  SUITE_CHECK(partitioned_as_wanted(wanted),
              "%s on %s with %d SMs: %lld groups, %lld block groups of %lld blocks, %lld tiles "
              "in %lld buffers",
              wanted->line, wanted->device, wanted->sms, (long long)plan.groups,
              (long long)plan.block_groups, (long long)plan.ranks, (long long)plan.tiles_per_block,
              (long long)plan.buffers);
}

/* Opens the device of the case. */
static cubnHandle_t open_device(const cooperative_case *wanted, line_problem *problem) {
  cubnHandle_t handle = NULL;
  CU_ASSERT_FATAL(line_parse(wanted->line, problem) == NULL);
  emu_set_device(wanted->device, wanted->sms);
  CU_ASSERT_FATAL(cubnCreateOnDevice(&handle, "cuda") == CUBN_STATUS_SUCCESS);
  return handle;
}

/* Runs the line with the algorithm as the whole table of its pass. */
static void run_case(const cooperative_case *wanted) {
  line_problem problem;
  data_set before, after;
  compare_result result;
  char report[1024] = "";
  const cubnHandle_t handle = open_device(wanted, &problem);
  const cubn_algo row = noting_row(problem.pass);
  const algo_outcome outcome =
      run_algo(handle, &row, &problem, &before, &after, &result, report, sizeof report);
  SUITE_CHECK(outcome == ALGO_PASSED, "%s: %s", wanted->line, report);
  data_destroy(&before);
  data_destroy(&after);
  expect_partition(wanted);
  CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
}

static void run_cases(const cooperative_case *cases, size_t count) {
  emu_set_l2_bytes(64 << 10);
  for (size_t i = 0; i < count; ++i) run_case(&cases[i]);
  emu_set_l2_bytes(0);
  emu_set_device("sm90", 4);
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void test_columns(void) {
  static const cooperative_case cases[] = {
      {"train nhwc f32 n2c64h27w29", "sm90", 1, 2, 4, ONE_TILE},
      {"train nhwc f16 n5c128h32w33 inplace", "sm90", 2, 2, 4, SOME_TILES_KEPT},
      {"train nhwc bf16 n3c301h29w31 offset=1", "sm80", 1, 2, 3, SOME_TILES_KEPT},
      {"train nhwc f64 n4c32h37w38 mean=1e4", "sm90", 1, 1, 4, SOME_TILES_KEPT},
      {"backward nhwc f32 n3c48h25w27 inplace_x pbeta=1", "sm90", 1, 1, 3, SOME_TILES_KEPT},
      {"backward nhwc f16 n1c96h33w31 nosaved", "sm90", 1, 2, 3, SOME_TILES_KEPT},
      {"backward nhwc bf16 n7c128h32w33 inplace", "sm75", 2, 2, 4, SOME_TILES_KEPT},
  };
  run_cases(cases, COUNT_OF(cases));
}

static void test_rows(void) {
  static const cooperative_case cases[] = {
      {"train nchw f32 n6c5h65w67", "sm90", 1, 2, 4, ONE_TILE},
      {"train nchw f16 n3c3h257w311 offset=3", "sm90", 1, 1, 3, SOME_TILES_KEPT},
      {"train nchw f32 n3c4h129w131 mean=1e4 data=spread", "sm90", 1, 1, 4, ALL_TILES_KEPT},
      {"train nchw f32 n1c1h300w301", "sm80", 1, 1, 1, SOME_TILES_KEPT},
      {"backward nchw bf16 n2c3h257w311", "sm90", 2, 1, 3, SOME_TILES_KEPT},
      {"backward nchw f64 n17c6h20w21 nosaved mean=1e4", "sm90", 2, 1, 3, ONE_TILE},
  };
  run_cases(cases, COUNT_OF(cases));
}

static void test_fused(void) {
  static const cooperative_case cases[] = {
      {"train nhwc f16 n5c96h32w33 add_relu", "sm90", 1, 1, 3, SOME_TILES_KEPT},
      {"train nchw f32 n6c5h64w67 add_gelu inplace_z", "sm90", 1, 2, 4, ONE_TILE},
      {"backward nhwc f16 n5c96h32w33 add_relu", "sm90", 1, 1, 3, SOME_TILES_KEPT},
      {"backward nchw bf16 n3c3h200w201 relu data=ties", "sm80", 1, 2, 3, SOME_TILES_KEPT},
      {"backward nchw f32 n3c3h100w104 add_relu inplace_zx", "sm80", 1, 2, 3, SOME_TILES_KEPT},
      {"backward nhwc f64 n3c24h27w29 swish", "sm90", 1, 1, 3, SOME_TILES_KEPT},
      {"backward nhwc f32 n1c48h25w27 add_gelu nosaved", "sm90", 1, 2, 3, ONE_TILE},
      {"backward nhwc bf16 n3c96h33w31 frozen leaky", "sm75", 2, 2, 3, SOME_TILES_KEPT},
  };
  run_cases(cases, COUNT_OF(cases));
}

/* ---- Bytes ---- */

static void expect_at_most(const char *line, const char *what, int64_t bytes, int64_t least,
                           int64_t beside) {
  SUITE_CHECK(bytes >= least && bytes <= least + beside, "%s: %s %lld bytes, wants %lld to %lld",
              line, what, (long long)bytes, (long long)least, (long long)(least + beside));
}

/* One launch, which reads and writes every byte of the tensors. The bytes that are read from memory
 * more than once are at most those of the plan: none if a slice is one tile. Besides, there are,
 * per channel, the sums of the blocks, their number, and the coefficients of at most 56 bytes; and
 * the first value of a channel, which each block may read. Memory is read in sectors of 32 bytes,
 * and those at the ends of a run may be read twice: runs are whole sectors here, or have at least 4
 * KB. Parameters may be read for each tile. */
static void expect_traffic(const cooperative_case *wanted, unsigned long long l2_bytes) {
  line_problem p;
  traffic t;
  char report[512] = "";
  emu_set_l2_bytes(l2_bytes);
  const cubnHandle_t handle = open_device(wanted, &p);
  const cubn_algo row = noting_row(p.pass);
  SUITE_CHECK(traffic_measure(handle, &p, &row, &t, report, sizeof report), "%s: %s", wanted->line,
              report);
  expect_partition(wanted);
  const bool backward = p.pass == LINE_BACKWARD;
  const int64_t inputs = (backward || p.adds ? 2 : 1) * t.tensor_bytes;
  const int64_t outputs = (1 + line_has_dz(&p)) * t.tensor_bytes;
  const int64_t read = inputs + t.param_read_bytes + (backward ? t.reserve_bytes : 0);
  const int64_t written = outputs + t.param_written_bytes + (backward ? 0 : t.reserve_bytes);
  const int64_t blocks = plan.block_groups * plan.ranks;
  const int64_t beside = line_channels(&p) * (blocks * (24 + 8) + 2 * 56);
  const int64_t by_tiles = plan.ranks * plan.tiles_per_block * t.param_read_bytes;
  const int64_t again =
      wanted->tiles == SOME_TILES_KEPT ? plan.moved_bytes - inputs - outputs + t.reserve_bytes : 0;
  SUITE_CHECK(t.launches == 1, "%s: %u launches", wanted->line, t.launches);
  expect_at_most(wanted->line, "reads", t.distinct_read, read, beside);
  expect_at_most(wanted->line, "writes", t.distinct_written, written, beside);
  expect_at_most(wanted->line, "asks memory for", t.missed_read, inputs,
                 read - inputs + again + beside + inputs / 64 + by_tiles);
  if (!backward) { /* Backward reads the statistics again and again. */
    const int64_t tile = t.tensor_bytes / plan.tiles_per_block; /* of all blocks */
    const int64_t dropped =
        wanted->tiles == SOME_TILES_KEPT ? plan.tiles_per_block - plan.buffers : 0;
    expect_at_most(wanted->line, "asks for", t.requested_read, inputs + dropped * tile - tile,
                   tile + read - inputs + blocks * beside);
  }
  CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
  emu_set_l2_bytes(0);
  emu_set_device("sm90", 4);
}

static void test_traffic(void) {
  static const struct {
    cooperative_case partition;
    unsigned l2_kib;
  } cases[] = {
      {{"train nhwc f32 n2c64h27w29", "sm90", 1, 2, 4, ONE_TILE}, 300},
      {{"train nchw f32 n6c5h65w67", "sm90", 1, 2, 4, ONE_TILE}, 300},
      {{"backward nhwc f16 n1c96h33w31", "sm90", 1, 2, 3, SOME_TILES_KEPT}, 300},
      {{"train nchw f32 n3c4h129w131", "sm90", 1, 1, 4, ALL_TILES_KEPT}, 64},
      {{"train nhwc f16 n5c128h32w33", "sm90", 2, 2, 4, SOME_TILES_KEPT}, 300},
      {{"train nhwc f16 n5c128h32w33 relu", "sm90", 2, 2, 4, SOME_TILES_KEPT}, 1000},
      {{"backward nhwc f16 n5c96h32w33 add_relu", "sm90", 1, 1, 3, SOME_TILES_KEPT}, 700},
      {{"backward nchw bf16 n2c3h257w311", "sm90", 2, 1, 3, SOME_TILES_KEPT}, 700},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i)
    expect_traffic(&cases[i].partition, (unsigned long long)cases[i].l2_kib << 10);
}

void test_cooperative_suites(void) {
  static const suite_test tests[] = {
      {"columns", test_columns}, {"rows", test_rows}, {"fused operations", test_fused}, {0}};
  static const suite_test traced[] = {{"reads once, or nearly", test_traffic}, {0}};
  suite_add("cooperative", SUITE_CUDA, tests);
  if (emu_is_trace()) suite_add("cooperative traffic", SUITE_CUDA, traced);
}
#else
void test_cooperative_suites(void) {}
#endif
