/* Mask bits of tiles. A patch is divided into sequences of elements that are neighbors in memory,
 * and a sequence into ranges of elements in one row of the mask. */
#include "cpu/common/mask_tiles.h"

#include "cpu/common/clones.h"
#include "cpu/common/mask_rows.h"

int64_t cubn_mask_bytes(const cubn_problem *problem) {
  const int64_t count = problem->c * cubn_count(problem);
  return count == 0 ? 0 : count / problem->mask.row * problem->mask.row_bytes;
}

/* Gathers the bits of at most one byte. */
static uint8_t gather(const uint64_t *passes, int64_t step, int64_t count) {
  uint64_t byte = 0;
  for (int64_t i = 0; i < count; ++i) byte |= (passes[i * step] & 1) << i;
  return (uint8_t)byte;
}

static void scatter(unsigned byte, uint64_t *passes, int64_t step, int64_t count) {
  for (int64_t i = 0; i < count; ++i) passes[i * step] = 0 - (uint64_t)(byte >> i & 1);
}

/* Gathers whole bytes. A mask per bit vectorizes where shifts do not. */
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

CUBN_CLONES static void gather_neighbors(const uint64_t *passes, int64_t count, uint8_t *bytes) {
  gather_bytes(passes, 1, count, bytes);
}

CUBN_CLONES static void scatter_neighbors(const uint8_t *bytes, int64_t count, uint64_t *passes) {
  scatter_bytes(bytes, count, passes, 1);
}

/* Sets bits of one byte. Other bits of it may be set at the same time, unless it is `own`. */
static void store_bits(const uint64_t *passes, int64_t step, int64_t count, int64_t skipped,
                       bool own, uint8_t *byte) {
  const uint8_t set = (uint8_t)(gather(passes, step, count) << skipped);
  if (own)
    *byte = set;
  else
    __atomic_fetch_or(byte, set, __ATOMIC_RELAXED);
}

/* Decisions of consecutive elements are `step` apart in the tile. A byte at an end of the range may
 * hold other elements of the row, unless the row begins or ends there. */
static void store_range(cubn_mask_range range, int64_t step, const uint64_t *passes,
                        uint8_t *bytes) {
  const int64_t skipped = range.bit & 7;
  bytes += range.bit / 8;
  if (skipped != 0) {
    const int64_t count = cubn_min(8 - skipped, range.count);
    const bool reaches_end = skipped + count == 8 || range.ends_row;
    store_bits(passes, step, count, skipped, range.begins_row && reaches_end, bytes++);
    passes += count * step;
    range.count -= count;
  }
  const int64_t whole = range.count / 8, tail = range.count % 8;
  if (step == 1 && whole > 1)
    gather_neighbors(passes, whole, bytes);
  else
    gather_bytes(passes, step, whole, bytes);
  if (tail > 0) store_bits(passes + 8 * whole * step, step, tail, 0, range.ends_row, bytes + whole);
}

static void load_range(cubn_mask_range range, int64_t step, const uint8_t *bytes,
                       uint64_t *passes) {
  const int64_t skipped = range.bit & 7;
  bytes += range.bit / 8;
  if (skipped != 0) {
    const int64_t count = cubn_min(8 - skipped, range.count);
    scatter((unsigned)*bytes++ >> skipped, passes, step, count);
    passes += count * step;
    range.count -= count;
  }
  const int64_t whole = range.count / 8, tail = range.count % 8;
  if (step == 1 && whole > 1)
    scatter_neighbors(bytes, whole, passes);
  else
    scatter_bytes(bytes, whole, passes, step);
  if (tail > 0) scatter(bytes[whole], passes + 8 * whole * step, step, tail);
}

/* How a patch is divided into sequences of elements that are neighbors in memory. */
typedef struct sequences {
  int64_t sequences, count;      /* how many there are, and the elements of each */
  int64_t place_step, tile_step; /* from one sequence to the next, in memory and in the tile */
  int64_t step;                  /* from one element to the next, in the tile */
} sequences;

static sequences divide(const cubn_patch *patch) {
  if (patch->stride == 1)
    return (sequences){patch->rows, patch->count, patch->row_stride, patch->count, 1};
  /* Neighboring channels, each of whose samples are neighbors in memory. */
  if (patch->row_stride == 1)
    return (sequences){patch->count, patch->rows, patch->stride, 1, patch->count};
  return (sequences){patch->rows * patch->count, 1, 0, 1, 1};
}

/* The place where a sequence begins. */
static int64_t get_place(const cubn_patch *patch, const sequences *all, int64_t index) {
  if (all->place_step != 0) return patch->offset + index * all->place_step;
  return patch->offset + index / patch->count * patch->row_stride +
         index % patch->count * patch->stride;
}

void cubn_mask_store(const cubn_mask *mask, cubn_patch patch, const uint64_t *passes,
                     uint8_t *bytes) {
  const sequences all = divide(&patch);
  cubn_mask_range range;
  for (int64_t i = 0; i < all.sequences; ++i) {
    const uint64_t *from = passes + i * all.tile_step;
    cubn_mask_ranges ranges = {get_place(&patch, &all, i), all.count};
    for (; cubn_next_mask_range(mask, &ranges, &range); from += range.count * all.step)
      store_range(range, all.step, from, bytes);
  }
}

void cubn_mask_load(const cubn_mask *mask, cubn_patch patch, const uint8_t *bytes,
                    uint64_t *passes) {
  const sequences all = divide(&patch);
  cubn_mask_range range;
  for (int64_t i = 0; i < all.sequences; ++i) {
    uint64_t *to = passes + i * all.tile_step;
    cubn_mask_ranges ranges = {get_place(&patch, &all, i), all.count};
    for (; cubn_next_mask_range(mask, &ranges, &range); to += range.count * all.step)
      load_range(range, all.step, bytes, to);
  }
}
