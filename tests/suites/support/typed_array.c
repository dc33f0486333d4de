#include "suites/support/typed_array.h"

#include "kit/data_types.h"
#include "suites/support/expect_error.h"

typed_array typed_create(cubnDataType_t type, int count, uint64_t seed, double mean,
                         double spread) {
  typed_array a = {.type = type, .count = count};
  double memory[TYPED_MOST] = {0};
  for (int i = 0; i < count; ++i) {
    const double unit = 2 * (double)((seed * 7919 + (uint64_t)i * 104729) % 1009) / 1009 - 1;
    a.values[i] = data_round(type, mean + spread * unit);
    data_store(type, memory, i, a.values[i]);
  }
  const size_t bytes = (size_t)count * data_type_bytes(type);
  expect_success(cubnCreateBuffer(suite_handle(), bytes, &a.buffer), "create");
  expect_success(cubnUploadBuffer(a.buffer, 0, memory, bytes), "upload");
  expect_success(cubnGetBufferPointer(a.buffer, &a.at), "pointer");
  return a;
}

void typed_read(typed_array *a) {
  double memory[TYPED_MOST];
  expect_success(
      cubnDownloadBuffer(a->buffer, 0, memory, (size_t)a->count * data_type_bytes(a->type)),
      "download");
  for (int i = 0; i < a->count; ++i) a->values[i] = data_load(a->type, memory, i);
}
