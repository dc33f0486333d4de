/* The bytes of a fuzzer as a sequence of choices. After their end every choice is 0. */
#ifndef CUBN_TESTS_FUZZ_INPUT_H
#define CUBN_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_input {
  const uint8_t *bytes;
  size_t left;
} fuzz_input;

unsigned fuzz_byte(fuzz_input *input);
/* 0 .. count - 1; count is at most 256. */
int fuzz_below(fuzz_input *input, int count);
/* One choice in `count` is true. */
bool fuzz_one_in(fuzz_input *input, int count);
uint64_t fuzz_number(fuzz_input *input); /* 8 bytes */

#define FUZZ_PICK(input, array) ((array)[fuzz_below(input, (int)(sizeof(array) / sizeof *(array)))])

/* A finding: prints the message and ends the process, so that the fuzzer keeps the bytes. */
__attribute__((noreturn, format(printf, 1, 2))) void fuzz_fail(const char *format, ...);

/* A folder for the files of this process, removed at its end with the files `names` (ends with
 * NULL) in it. */
const char *fuzz_folder(const char *const names[]);
/* Writes a new file. */
void fuzz_write_file(const char *path, const void *bytes, size_t count);

#endif /* CUBN_TESTS_FUZZ_INPUT_H */
