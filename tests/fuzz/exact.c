#include "fuzz/exact.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"

static size_t bytes_of(const data_array *array) {
  return (size_t)array->extent * data_type_bytes(array->type);
}

void exact_open(exact_memory *memory, run_context *run, const data_set *data) {
  *memory = (exact_memory){0};
  for (int i = 0; i < DATA_ARRAYS; ++i) {
    const data_array *const array = &data->arrays[i];
    if (!data_has(data, i) || !run->pointers[i]) continue;
    /* Offsets are those from the boundary behind the guard. */
    const size_t offset = array->begin_bytes - DATA_GUARD_BYTES, bytes = bytes_of(array);
    unsigned char *const block = malloc(offset + bytes);
    if (!block) fuzz_fail("no memory");
    memcpy(block + offset, array->block + array->begin_bytes, bytes);
    ASAN_POISON_MEMORY_REGION(block, offset);
    memory->blocks[i] = block;
    memory->offsets[i] = offset;
    run->pointers[i] = block + offset;
  }
  run->pointers[DATA_OUTPUT] = run->pointers[data->output];
  run->pointers[DATA_DZ] = run->pointers[data->dz];
}

void exact_close(exact_memory *memory, data_set *data) {
  for (int i = 0; i < DATA_ARRAYS; ++i) {
    unsigned char *const block = memory->blocks[i];
    if (!block) continue;
    const data_array *const array = &data->arrays[i];
    memcpy(array->block + array->begin_bytes, block + memory->offsets[i], bytes_of(array));
    ASAN_UNPOISON_MEMORY_REGION(block, memory->offsets[i]);
    free(block);
  }
}
