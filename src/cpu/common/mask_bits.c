/* Copies bits. A byte that has none of them is neither read nor written. */
#include "cpu/common/mask_bits.h"

#include <string.h>

#include "cpu/common/mask_rows.h"

/* So many bits always fit in eight bytes, wherever the first one is in its byte. */
enum { WORD_BITS = 56 };

/* The bits first .. first + count - 1; at most WORD_BITS. */
static uint64_t read_bits(const uint8_t *from, int64_t first, int64_t count) {
  const int64_t skipped = first & 7, bytes = (skipped + count + 7) / 8;
  uint64_t word = 0;
  from += first / 8;
  for (int64_t b = 0; b < bytes; ++b) word |= (uint64_t)from[b] << 8 * b;
  return word >> skipped & (((uint64_t)1 << count) - 1);
}

static void write_bytes(uint8_t *to, uint64_t word, int64_t count) {
  for (int64_t b = 0; 8 * b < count; ++b) to[b] = (uint8_t)(word >> 8 * b);
}

/* Copies `count` bits. If `keeps`, the bits before the first one in its byte stay. */
static void copy_bits(const uint8_t *from, int64_t from_bit, int64_t count, uint8_t *to,
                      int64_t to_bit, bool keeps) {
  const int64_t skipped = to_bit & 7;
  to += to_bit / 8;
  if (skipped != 0) {
    const int64_t copied = cubn_min(8 - skipped, count);
    const unsigned before = keeps ? *to & ((1u << skipped) - 1) : 0;
    *to++ = (uint8_t)(before | (unsigned)read_bits(from, from_bit, copied) << skipped);
    from_bit += copied;
    count -= copied;
  }
  if (from_bit % 8 == 0) {
    const int64_t bytes = count / 8;
    memcpy(to, from + from_bit / 8, (size_t)bytes);
    to += bytes;
    from_bit += 8 * bytes;
    count -= 8 * bytes;
  }
  for (int64_t copied; count > 0; count -= copied, from_bit += copied, to += copied / 8) {
    copied = cubn_min(count, WORD_BITS);
    write_bytes(to, read_bits(from, from_bit, copied), copied);
  }
}

void cubn_mask_end_row(const cubn_mask *mask, int64_t end, uint8_t *bytes) {
  const int64_t row = (end - 1) / (8 * mask->row_bytes), unused = (end + 7) / 8;
  if (unused < (row + 1) * mask->row_bytes) bytes[unused] = 0;
}

void cubn_mask_store_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bits,
                          uint8_t *bytes) {
  cubn_mask_ranges ranges = {place, count};
  cubn_mask_range range;
  for (int64_t done = 0; cubn_next_mask_range(mask, &ranges, &range); done += range.count) {
    copy_bits(bits, done, range.count, bytes, range.bit, !range.begins_row);
    if (range.ends_row) cubn_mask_end_row(mask, range.bit + range.count, bytes);
  }
}

void cubn_mask_load_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bytes,
                         uint8_t *bits) {
  cubn_mask_ranges ranges = {place, count};
  cubn_mask_range range;
  for (int64_t done = 0; cubn_next_mask_range(mask, &ranges, &range); done += range.count)
    copy_bits(bytes, range.bit, range.count, bits, done, true);
}
