/* Mask bits. A patch is taken as runs of elements that are neighbours in memory, and a run as its
 * parts in the rows of the mask. */
#include "cpu/mask.h"

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

static uint8_t gather(const uint64_t *passes, int64_t step, int64_t count) {
  uint64_t byte = 0;
  for (int64_t i = 0; i < count; ++i) byte |= (passes[i * step] & 1) << i;
  return (uint8_t)byte;
}

static void scatter(unsigned byte, uint64_t *passes, int64_t step, int64_t count) {
  for (int64_t i = 0; i < count; ++i) passes[i * step] = 0 - (uint64_t)(byte >> i & 1);
}

/* A part of a row. At its ends other parts of the row may lie in the same byte, and be written at
 * the same time, unless the row ends there, too. */
static void store_part(run part, int64_t bit, bool begins_row, bool ends_row,
                       const uint64_t *passes, uint8_t *bytes) {
  for (int64_t done = 0, count; done < part.count; done += count) {
    const int64_t at = bit + done, skipped = at & 7;
    uint8_t *byte = bytes + at / 8;
    count = smaller(8 - skipped, part.count - done);
    if (count == 8) {
      *byte = gather(passes + done * part.step, part.step, 8);
      continue;
    }
    const uint8_t set = (uint8_t)(gather(passes + done * part.step, part.step, count) << skipped);
    const bool is_first = skipped == 0 || (done == 0 && begins_row);
    const bool is_last = skipped + count == 8 || ends_row;
    if (is_first && is_last)
      *byte = set;
    else
      __atomic_fetch_or(byte, set, __ATOMIC_RELAXED);
  }
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
  for (; it.count > 0; ++at, in_row = 0) {
    int64_t bit = cubn_mask_bit(mask, at, it.place);
    const int64_t end = it.place + smaller(it.count, mask->row - in_row);
    for (int64_t count; it.place < end; it.place += count, bit += count) {
      count = smaller(8 - (bit & 7), end - it.place);
      if (count == 8)
        scatter(bytes[bit / 8], passes, it.step, 8);
      else
        scatter((unsigned)bytes[bit / 8] >> (bit & 7), passes, it.step, count);
      it.count -= count;
      passes += count * it.step;
    }
  }
}

/* How a patch is cut into runs: `runs` of them, each of `count` elements. */
typedef struct cutting {
  int64_t runs, count;
  int64_t place_step, tile_step; /* from run to run */
  int64_t step;                  /* within a run, in the tile */
} cutting;

static cutting cut(const cubn_patch *patch) {
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
  const cutting by = cut(&patch);
  for (int64_t i = 0; i < by.runs; ++i)
    store_run(mask, (run){place_of(&patch, &by, i), by.count, by.step}, passes + i * by.tile_step,
              bytes);
}

void cubn_mask_load(const cubn_mask *mask, cubn_patch patch, const uint8_t *bytes,
                    uint64_t *passes) {
  const cutting by = cut(&patch);
  for (int64_t i = 0; i < by.runs; ++i)
    load_run(mask, (run){place_of(&patch, &by, i), by.count, by.step}, bytes,
             passes + i * by.tile_step);
}
