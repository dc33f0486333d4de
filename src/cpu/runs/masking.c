/* What elements with bits are like in memory, once per call. */
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/fast/long_runs.h"
#include "cpu/runs/masked.h"

enum { WORD = 64 };

/* Blocks per thread, at least, if they are wider than a cache line asks for. */
enum { BLOCKS_PER_THREAD = 4 };

/* Channels of a block of short runs, whose rows then begin at whole cache lines, and have no tail
 * if there are channels enough; 0 if runs are long. Results do not depend on how many. */
static int64_t choose_block(const cubn_call *call, const cubn_problem *problem, int64_t step) {
  int64_t channels = cubn_channels_of_lines(problem);
  if (cubn_has_long_runs(problem) || channels > CUBN_BLOCK_CHANNELS_MAX) return 0;
  while (channels * problem->s % step != 0 && 2 * channels <= CUBN_BLOCK_CHANNELS_MAX &&
         2 * channels * problem->s <= CUBN_BLOCK_COLUMNS_MAX &&
         2 * channels * BLOCKS_PER_THREAD * call->threads <= problem->c)
    channels *= 2;
  return channels;
}

/* Appends `count` bits to those that are there. */
static void append_bits(uint64_t *words, int64_t at, const uint64_t *bits, int64_t count) {
  for (int64_t i = 0; i < count; i += WORD) {
    const int64_t word = (at + i) / WORD, shift = (at + i) % WORD;
    words[word] |= bits[i / WORD] << shift;
    if (shift > 0 && shift + cubn_min(count - i, WORD) > WORD)
      words[word + 1] |= bits[i / WORD] >> (WORD - shift);
  }
}

/* Repeats the bits of each image for all channels of a block; false if there is no room. */
static bool repeat_bits(const cubn_spans *spans, cubn_masking *masking) {
  const cubn_bits *bits = &spans->bits;
  const int64_t n = masking->problem.n, s = spans->s, channels = masking->block_channels;
  const int64_t used = 2 * bits->count + 1;
  const int64_t room = (int64_t)(CUBN_SPANS_BYTES / sizeof(uint64_t)) - used;
  masking->image_words = cubn_divide_up(channels * s, WORD);
  if (masking->image_words > room / n) return false;
  uint64_t *const words = (uint64_t *)(void *)spans->list + used;
  memset(words, 0, (size_t)(n * masking->image_words) * sizeof *words);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < channels; ++j)
      append_bits(words + i * masking->image_words, j * s, bits->words + i * bits->run_words, s);
  masking->words = words;
  return true;
}

bool cubn_masking_begin(cubn_call *call, cubn_masking *masking) {
  masking->kernels = cubn_machine_masked(call->kernels);
  if (!cubn_is_scattered(call) || call->has_epilogue || !masking->kernels->step) return false;
  const cubn_spans *spans = &call->places->spans;
  if (spans->bits.keeps) return false;
  masking->problem = *call->problem;
  masking->problem.n = spans->samples / spans->s;
  masking->problem.s = spans->s;
  masking->words = spans->bits.words;
  masking->image_words = spans->bits.run_words;
  masking->block_channels = choose_block(call, &masking->problem, masking->kernels->columns);
  if (masking->block_channels > 0 && !repeat_bits(spans, masking)) return false;
  call->masking = masking;
  return true;
}

int64_t cubn_masked_valid_before(const cubn_call *call, int64_t image, int64_t position) {
  const cubn_bits *bits = &call->places->spans.bits;
  return bits->before[image * bits->run_words + cubn_divide_up(position, WORD)];
}

double cubn_masked_add_columns(const double *columns, int64_t count) {
  double sums[8] = {0};
  for (int64_t i = 0; i < count; ++i) sums[i % 8] += columns[i];
  for (int half = 4; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
  return sums[0];
}
