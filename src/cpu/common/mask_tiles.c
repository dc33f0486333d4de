/* Mask bits. A patch is taken as runs of elements that are neighbours in memory, and a run as its
 * parts in the rows of the mask. */
#include "cpu/common/mask_tiles.h"

#include "cpu/common/clones.h"

/* Elements whose bits follow one another. */
typedef struct run {
  int64_t place, count;
  int64_t step; /* from one to the next in the tile */
} run;

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

int64_t cubn_mask_bytes(const cubn_problem *problem) {
  return problem->c * cubn_count(problem) / problem->mask.row * problem->mask.row_bytes;
}

/* Parts of a byte. */
static uint8_t gather(const uint64_t *passes, int64_t step, int64_t count) {
  uint64_t byte = 0;
  for (int64_t i = 0; i < count; ++i) byte |= (passes[i * step] & 1) << i;
  return (uint8_t)byte;
}

static void scatter(unsigned byte, uint64_t *passes, int64_t step, int64_t count) {
  for (int64_t i = 0; i < count; ++i) passes[i * step] = 0 - (uint64_t)(byte >> i & 1);
}

/* Whole bytes. Every bit has its weight: that vectorizes where shifts do not. */
CUBN_INLINED void gather_bytes(const uint64_t *passes, int64_t step, int64_t count,
                               uint8_t *bytes) {
  for (int64_t i = 0; i < count; ++i) {
    uint64_t byte = 0;
    for (int64_t k = 0; k < 8; ++k) byte |= passes[(8 * i + k) * step] & UINT64_C(1) << k;
    bytes[i] = (uint8_t)byte;
  }
}

CUBN_INLINED void scatter_bytes(const uint8_t *bytes, int64_t count, uint64_t *passes,
                                int64_t step) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = 0; k < 8; ++k)
      passes[(8 * i + k) * step] = 0 - (uint64_t)((bytes[i] & UINT64_C(1) << k) != 0);
}

CUBN_CLONES static void gather_neighbours(const uint64_t *passes, int64_t count, uint8_t *bytes) {
  gather_bytes(passes, 1, count, bytes);
}

CUBN_CLONES static void scatter_neighbours(const uint8_t *bytes, int64_t count, uint64_t *passes) {
  scatter_bytes(bytes, count, passes, 1);
}

/* Sets bits of one byte. Others of it may be set at the same time, unless it is `own`. */
static void store_bits(const uint64_t *passes, int64_t step, int64_t count, int64_t skipped,
                       bool own, uint8_t *byte) {
  const uint8_t set = (uint8_t)(gather(passes, step, count) << skipped);
  if (own)
    *byte = set;
  else
    __atomic_fetch_or(byte, set, __ATOMIC_RELAXED);
}

/* A part of a row. At its ends other parts of the row may lie in the same byte, unless the row begins
 * or ends there. */
static void store_part(run part, int64_t bit, bool begins_row, bool ends_row,
                       const uint64_t *passes, uint8_t *bytes) {
  const int64_t step = part.step, skipped = bit & 7;
  bytes += bit / 8;
  if (skipped != 0) {
    const int64_t count = smaller(8 - skipped, part.count);
    const bool reaches_end = skipped + count == 8 || ends_row;
    store_bits(passes, step, count, skipped, begins_row && reaches_end, bytes++);
    passes += count * step;
    part.count -= count;
  }
  const int64_t whole = part.count / 8, left = part.count % 8;
  if (step == 1 && whole > 1)
    gather_neighbours(passes, whole, bytes);
  else
    gather_bytes(passes, step, whole, bytes);
  if (left > 0) store_bits(passes + 8 * whole * step, step, left, 0, ends_row, bytes + whole);
}

static void load_part(run part, int64_t bit, const uint8_t *bytes, uint64_t *passes) {
  const int64_t step = part.step, skipped = bit & 7;
  bytes += bit / 8;
  if (skipped != 0) {
    const int64_t count = smaller(8 - skipped, part.count);
    scatter((unsigned)*bytes++ >> skipped, passes, step, count);
    passes += count * step;
    part.count -= count;
  }
  const int64_t whole = part.count / 8, left = part.count % 8;
  if (step == 1 && whole > 1)
    scatter_neighbours(bytes, whole, passes);
  else
    scatter_bytes(bytes, whole, passes, step);
  if (left > 0) scatter(bytes[whole], passes + 8 * whole * step, step, left);
}

static void store_run(const cubn_mask *mask, run it, const uint64_t *passes, uint8_t *bytes) {
  int64_t at = it.place / mask->row, in_row = it.place % mask->row;
  for (int64_t count; it.count > 0; ++at, in_row = 0) {
    count = smaller(it.count, mask->row - in_row);
    store_part((run){it.place, count, it.step}, cubn_mask_bit(mask, at, it.place), in_row == 0,
               in_row + count == mask->row, passes, bytes);
    it.place += count;
    it.count -= count;
    passes += count * it.step;
  }
}

static void load_run(const cubn_mask *mask, run it, const uint8_t *bytes, uint64_t *passes) {
  int64_t at = it.place / mask->row, in_row = it.place % mask->row;
  for (int64_t count; it.count > 0; ++at, in_row = 0) {
    count = smaller(it.count, mask->row - in_row);
    load_part((run){it.place, count, it.step}, cubn_mask_bit(mask, at, it.place), bytes, passes);
    it.place += count;
    it.count -= count;
    passes += count * it.step;
  }
}

/* How a patch is cut into runs: `runs` of them, each of `count` elements. */
typedef struct cutting {
  int64_t runs, count;
  int64_t place_step, tile_step; /* from run to run */
  int64_t step;                  /* within a run, in the tile */
} cutting;

static cutting partition(const cubn_patch *patch) {
  if (patch->stride == 1)
    return (cutting){patch->rows, patch->count, patch->row_stride, patch->count, 1};
  /* Channels side by side, each of whose samples are neighbours. */
  if (patch->row_stride == 1)
    return (cutting){patch->count, patch->rows, patch->stride, 1, patch->count};
  return (cutting){patch->rows * patch->count, 1, 0, 1, 1};
}

/* The place where a run begins. */
static int64_t place_of(const cubn_patch *patch, const cutting *by, int64_t index) {
  if (by->place_step != 0) return patch->offset + index * by->place_step;
  return patch->offset + index / patch->count * patch->row_stride +
         index % patch->count * patch->stride;
}

void cubn_mask_store(const cubn_mask *mask, cubn_patch patch, const uint64_t *passes,
                     uint8_t *bytes) {
  const cutting by = partition(&patch);
  for (int64_t i = 0; i < by.runs; ++i)
    store_run(mask, (run){place_of(&patch, &by, i), by.count, by.step}, passes + i * by.tile_step,
              bytes);
}

void cubn_mask_load(const cubn_mask *mask, cubn_patch patch, const uint8_t *bytes,
                    uint64_t *passes) {
  const cutting by = partition(&patch);
  for (int64_t i = 0; i < by.runs; ++i)
    load_run(mask, (run){place_of(&patch, &by, i), by.count, by.step}, bytes,
             passes + i * by.tile_step);
}
