/* Copies of bits. No byte is read or written that has none of them. */
#include "cpu/common/mask_bits.h"

#include <string.h>

/* So many bits lie in eight bytes, wherever the first one lies in its byte. */
enum { WORD_BITS = 56 };

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Bits at .. at + count - 1, at most WORD_BITS. */
static uint64_t read_bits(const uint8_t *from, int64_t at, int64_t count) {
  const int64_t skipped = at & 7, bytes = (skipped + count + 7) / 8;
  uint64_t word = 0;
  from += at / 8;
  for (int64_t b = 0; b < bytes; ++b) word |= (uint64_t)from[b] << 8 * b;
  return word >> skipped & (((uint64_t)1 << count) - 1);
}

static void write_bytes(uint8_t *to, uint64_t word, int64_t count) {
  for (int64_t b = 0; 8 * b < count; ++b) to[b] = (uint8_t)(word >> 8 * b);
}

static void copy_bits(const uint8_t *from, int64_t from_at, int64_t count, uint8_t *to,
                      int64_t to_at, bool keeps) {
  const int64_t skipped = to_at & 7;
  to += to_at / 8;
  if (skipped != 0) {
    const int64_t part = smaller(8 - skipped, count);
    const unsigned before = keeps ? *to & ((1u << skipped) - 1) : 0;
    *to++ = (uint8_t)(before | (unsigned)read_bits(from, from_at, part) << skipped);
    from_at += part;
    count -= part;
  }
  if (from_at % 8 == 0) {
    const int64_t bytes = count / 8;
    memcpy(to, from + from_at / 8, (size_t)bytes);
    to += bytes;
    from_at += 8 * bytes;
    count -= 8 * bytes;
  }
  for (int64_t part; count > 0; count -= part, from_at += part, to += part / 8) {
    part = smaller(count, WORD_BITS);
    write_bytes(to, read_bits(from, from_at, part), part);
  }
}

void cubn_mask_store_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bits,
                          uint8_t *bytes) {
  int64_t at = place / mask->row, in_row = place % mask->row;
  for (int64_t done = 0, part; done < count; done += part, ++at, in_row = 0) {
    part = smaller(count - done, mask->row - in_row);
    copy_bits(bits, done, part, bytes, cubn_mask_bit(mask, at, place + done), in_row != 0);
  }
}

void cubn_mask_load_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bytes,
                         uint8_t *bits) {
  int64_t at = place / mask->row, in_row = place % mask->row;
  for (int64_t done = 0, part; done < count; done += part, ++at, in_row = 0) {
    part = smaller(count - done, mask->row - in_row);
    copy_bits(bytes, cubn_mask_bit(mask, at, place + done), part, bits, done, true);
  }
}
