/* Bits of valid samples, and copies by them. */
#include "cpu/fast/scattered.h"

#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/common/axes.h"

enum { WORD = 64 };

static uint64_t first_bits(int64_t count) {
  return count == 0 ? 0 : ~UINT64_C(0) >> (WORD - count);
}

/* ---- Which samples are valid ---- */
/* A bit for each of `count` bytes, at most 64, that is not 0. */
static uint64_t bits_of_bytes(const uint8_t *mask, int64_t count) {
  const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
  uint64_t bits = 0;
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t eight = 0;
    for (int b = 0; b < 8; ++b) eight |= (uint64_t)mask[i + b] << 8 * b;
    /* The highest bit of each byte that is not 0, then these eight as one byte. */
    eight = (((eight & low) + low) | eight) & ~low;
    bits |= (eight >> 7) * UINT64_C(0x0102040810204080) >> 56 << i;
  }
  for (; i < count; ++i) bits |= (uint64_t)(mask[i] != 0) << i;
  return bits;
}

/* The bits of `count` samples, at most 64, that are `stride` apart in CUBN_ARRAY_VALID. */
static uint64_t bits_of_row(const cubn_validity *validity, const void *memory, int64_t offset,
                            int64_t stride, int64_t count) {
  if (validity->kind == CUBN_VALID_MASK) {
    const uint8_t *const mask = (const uint8_t *)memory + offset;
    if (stride == 1) return bits_of_bytes(mask, count);
    if (stride == 0) return mask[0] != 0 ? first_bits(count) : 0;
    uint64_t bits = 0;
    for (int64_t i = 0; i < count; ++i) bits |= (uint64_t)(mask[i * stride] != 0) << i;
    return bits;
  }
  const int32_t *const lengths = memory;
  uint64_t bits = 0;
  for (int64_t i = 0, same; i < count; i += same) {
    const int64_t place = (offset + i * stride) % validity->extent;
    const int64_t length = lengths[(offset + i * stride) / validity->extent];
    same = stride == 0   ? count - i
           : stride == 1 ? cubn_min(count - i, validity->extent - place)
                         : 1;
    const int64_t valid =
        stride == 1 ? cubn_max(0, cubn_min(length - place, same)) : (place < length ? same : 0);
    bits |= first_bits(valid) << i;
  }
  return bits;
}

uint64_t cubn_bits_of_samples(const cubn_problem *problem, const void *validity, int64_t sample,
                              int64_t count) {
  const cubn_axes *axes = &problem->samples;
  const int last = axes->rank - 1;
  const int64_t row = last >= 0 ? axes->size[last] : 1;
  const int64_t stride = last >= 0 ? axes->stride[CUBN_ARRAY_VALID][last] : 0;
  uint64_t bits = 0;
  for (int64_t i = 0, same; i < count; i += same) {
    const int64_t offset = cubn_axes_offset(axes, axes->rank, CUBN_ARRAY_VALID, sample + i);
    same = cubn_min(count - i, row - (sample + i) % row);
    bits |= bits_of_row(&problem->validity, validity, offset, stride, same) << i;
  }
  return bits;
}

bool cubn_find_bits(const cubn_problem *problem, const void *validity, cubn_spans *spans) {
  cubn_bits *const bits = &spans->bits;
  const int64_t s = problem->s, n = problem->n;
  const int64_t room = (int64_t)(CUBN_SPANS_BYTES / (2 * sizeof(int64_t))) - 1;
  bits->run_words = cubn_divide_up(s, WORD);
  if (bits->run_words > room / n) return false;
  bits->count = n * bits->run_words;
  int64_t *const before = (int64_t *)(void *)spans->list;
  uint64_t *const words = (uint64_t *)(before + bits->count + 1);
  int64_t valid = 0, word = 0;
  for (int64_t run = 0; run < n; ++run)
    for (int64_t first = 0; first < s; first += WORD, ++word) {
      words[word] =
          cubn_bits_of_samples(problem, validity, run * s + first, cubn_min(s - first, WORD));
      before[word] = valid;
      valid += __builtin_popcountll(words[word]);
    }
  before[word] = spans->valid = valid;
  bits->words = words;
  bits->before = before;
  bits->keeps = problem->validity.keeps;
  return true;
}

int64_t cubn_count_spans(const cubn_bits *bits) {
  int64_t count = 0;
  for (int64_t w = 0; w < bits->count; ++w) {
    const bool continues = w % bits->run_words != 0 && bits->words[w - 1] >> (WORD - 1);
    count += __builtin_popcountll(bits->words[w] & ~(bits->words[w] << 1 | (uint64_t)continues));
  }
  return count;
}

/* ---- Where they are ---- */
typedef struct bit_place {
  int64_t word, bit;
} bit_place;

/* The valid sample with this number. */
static bit_place find_bit(const cubn_bits *bits, int64_t number) {
  int64_t low = 0, high = bits->count;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (bits->before[middle] <= number)
      low = middle;
    else
      high = middle;
  }
  uint64_t left = bits->words[low];
  for (int64_t skipped = number - bits->before[low]; skipped > 0; --skipped) left &= left - 1;
  return (bit_place){low, __builtin_ctzll(left)};
}

/* The offset of a word's first element from the first element of the channel. */
static int64_t word_offset(const cubn_spans *spans, int64_t word) {
  const int64_t run = word / spans->bits.run_words;
  return run * spans->c * spans->s + (word - run * spans->bits.run_words) * WORD;
}

int64_t cubn_scattered_offset(const cubn_spans *spans, int64_t place) {
  const bit_place at = find_bit(&spans->bits, place % spans->valid);
  return place / spans->valid * spans->s + word_offset(spans, at.word) + at.bit;
}

/* ---- Copies ---- */
enum { AHEAD_BYTES = 8000 };

/* What will be copied soon after these elements: a later run, maybe of the next channel. */
static const char *find_ahead(const cubn_transfer *transfer, int64_t run, int64_t offset) {
  const cubn_spans *spans = transfer->view->spans;
  const int64_t runs = spans->bits.count / spans->bits.run_words;
  const int64_t later = cubn_divide_up(AHEAD_BYTES, spans->s * transfer->element_bytes);
  const int64_t channels = (run + later) / runs, skipped = later - channels * runs;
  if (!transfer->prefetches) return NULL;
  offset += skipped * spans->c * spans->s + channels * spans->s;
  return transfer->memory + offset * transfer->element_bytes;
}

/* Copies `count` elements of a run by their bits. Returns where the stage goes on. */
static char *copy_run(const cubn_transfer *transfer, int64_t run, int64_t offset,
                      const uint64_t *words, int64_t count, char *stage) {
  const cubn_bits *const bits = &transfer->view->spans->bits;
  char *const memory = transfer->memory + offset * transfer->element_bytes;
  const cubn_expand_mode mode = bits->keeps             ? CUBN_EXPAND_KEEP
                                : transfer->nontemporal ? CUBN_EXPAND_NONTEMPORAL
                                                        : CUBN_EXPAND_ZERO;
  const int64_t copied =
      transfer->stores
          ? bits->kernels->expand(stage, words, count, memory, mode)
          : bits->kernels->compress(memory, words, count, stage, find_ahead(transfer, run, offset));
  return stage + copied * transfer->element_bytes;
}

/* Copies the elements of a channel, whose first is at `base`, from one place to before another. */
static void copy_channel(const cubn_transfer *transfer, int64_t base, bit_place from, bit_place to,
                         char *stage) {
  const cubn_spans *spans = transfer->view->spans;
  const int64_t run_words = spans->bits.run_words;
  for (bit_place at = from; at.word < to.word || (at.word == to.word && at.bit < to.bit);) {
    const int64_t run = at.word / run_words, first = at.word - run * run_words;
    const int64_t offset = base + run * spans->c * spans->s + first * WORD + at.bit;
    /* Whole words up to the end of the run, unless it begins or ends within one. */
    const int64_t last = cubn_min(run_words, first + to.word - at.word);
    const int64_t run_left = spans->s - first * WORD;
    const uint64_t own = spans->bits.words[at.word] >> at.bit;
    if (at.bit > 0 || last == first) {
      const int64_t end = at.word == to.word ? to.bit : cubn_min(run_left, WORD);
      const uint64_t some = own & first_bits(end - at.bit);
      stage = copy_run(transfer, run, offset, &some, end - at.bit, stage);
      at = (bit_place){at.word + 1, 0};
      continue;
    }
    stage = copy_run(transfer, run, offset, &spans->bits.words[at.word],
                     cubn_min(run_left, (last - first) * WORD), stage);
    at = (bit_place){at.word + last - first, 0};
  }
}

void cubn_copy_scattered(const cubn_transfer *transfer, int64_t place, int64_t width, char *stage) {
  const cubn_spans *spans = transfer->view->spans;
  for (int64_t count; width > 0; place += count, width -= count) {
    const int64_t first = place % spans->valid, base = place / spans->valid * spans->s;
    count = cubn_min(width, spans->valid - first);
    const bit_place from = first == 0 ? (bit_place){0, 0} : find_bit(&spans->bits, first);
    const bit_place to = first + count == spans->valid ? (bit_place){spans->bits.count, 0}
                                                       : find_bit(&spans->bits, first + count);
    copy_channel(transfer, base, from, to, stage);
    stage += count * transfer->element_bytes;
  }
}
