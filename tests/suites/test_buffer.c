/* Buffers: memory of the handle's device. */
#include <stdint.h>
#include <string.h>

#include "suites/support/expect_error.h"

static cubnBuffer_t create(size_t bytes) {
  cubnBuffer_t buffer = NULL;
  expect_success(cubnCreateBuffer(suite_handle(), bytes, &buffer), "create");
  CU_ASSERT_PTR_NOT_NULL_FATAL(buffer);
  size_t size = 77;
  expect_success(cubnGetBufferSize(buffer, &size), "size");
  CU_ASSERT_EQUAL(size, bytes);
  return buffer;
}

static void destroy(cubnBuffer_t buffer) {
  expect_success(cubnDestroyBuffer(buffer), "destroy");
}

static void *pointer_of(cubnBuffer_t buffer) {
  void *pointer = NULL;
  expect_success(cubnGetBufferPointer(buffer, &pointer), "pointer");
  return pointer;
}

static void test_sizes(void) {
  static const size_t sizes[] = {1, 2, 255, 256, 257, 4095, 1 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    cubnBuffer_t buffer = create(sizes[i]);
    void *pointer = pointer_of(buffer);
    CU_ASSERT_PTR_NOT_NULL(pointer);
    CU_ASSERT_EQUAL((uintptr_t)pointer % 256, 0);
    destroy(buffer);
  }
}

static void test_nothing(void) {
  cubnBuffer_t buffer = create(0);
  CU_ASSERT_PTR_NULL(pointer_of(buffer));
  expect_success(cubnUploadBuffer(buffer, 0, NULL, 0), "upload");
  expect_success(cubnDownloadBuffer(buffer, 0, NULL, 0), "download");
  expect_success(cubnFillBuffer(buffer, 1), "fill");
  unsigned char byte = 1;
  CU_ASSERT_EQUAL(cubnUploadBuffer(buffer, 0, &byte, 1), CUBN_STATUS_BAD_PARAM);
  destroy(buffer);
  expect_success(cubnDestroyBuffer(NULL), "destroy NULL");
}

static void test_upload_and_download(void) {
  unsigned char sent[1000], received[1000];
  for (size_t i = 0; i < sizeof sent; ++i) sent[i] = (unsigned char)(i * 7 + 3);
  cubnBuffer_t buffer = create(sizeof sent);
  expect_success(cubnUploadBuffer(buffer, 0, sent, sizeof sent), "upload");
  /* A range in the middle, from memory that is reused at once. */
  unsigned char part[100];
  memset(part, 0xee, sizeof part);
  expect_success(cubnUploadBuffer(buffer, 501, part, sizeof part), "upload");
  memset(part, 0, sizeof part);
  memset(sent + 501, 0xee, sizeof part);
  expect_success(cubnDownloadBuffer(buffer, 0, received, sizeof received), "download");
  CU_ASSERT_EQUAL(memcmp(sent, received, sizeof sent), 0);
  memset(received, 0, sizeof received);
  expect_success(cubnDownloadBuffer(buffer, 999, received + 1, 1), "last byte");
  CU_ASSERT(received[0] == 0 && received[1] == sent[999] && received[2] == 0);
  expect_success(cubnUploadBuffer(buffer, 1000, sent, 0), "nothing, at the end");
  expect_success(cubnDownloadBuffer(buffer, 1000, received, 0), "nothing, at the end");
  destroy(buffer);
}

static void test_fill(void) {
  static const int values[] = {0, 1, 0x80, 0xff};
  unsigned char received[333];
  cubnBuffer_t buffer = create(sizeof received), neighbour = create(sizeof received);
  expect_success(cubnFillBuffer(neighbour, 0x11), "fill");
  for (size_t k = 0; k < sizeof values / sizeof *values; ++k) {
    expect_success(cubnFillBuffer(buffer, values[k]), "fill");
    expect_success(cubnDownloadBuffer(buffer, 0, received, sizeof received), "download");
    for (size_t i = 0; i < sizeof received; ++i) CU_ASSERT_EQUAL(received[i], values[k]);
  }
  expect_success(cubnDownloadBuffer(neighbour, 0, received, sizeof received), "download");
  for (size_t i = 0; i < sizeof received; ++i) CU_ASSERT_EQUAL(received[i], 0x11);
  destroy(buffer);
  destroy(neighbour);
}

/* Buffers may be destroyed in any order, and do not overlap. */
static void test_order(void) {
  enum { COUNT = 5 };
  cubnBuffer_t buffers[COUNT];
  for (int i = 0; i < COUNT; ++i) {
    buffers[i] = create(64);
    expect_success(cubnFillBuffer(buffers[i], i + 1), "fill");
  }
  static const int order[COUNT] = {3, 0, 4, 1, 2};
  for (int k = 0; k < COUNT; ++k) {
    unsigned char received[64];
    expect_success(cubnDownloadBuffer(buffers[order[k]], 0, received, sizeof received), "download");
    for (int i = 0; i < 64; ++i) CU_ASSERT_EQUAL(received[i], order[k] + 1);
    destroy(buffers[order[k]]);
  }
}

/* Buffers of several handles at once belong to their handle. */
static void test_two_handles(void) {
  cubnHandle_t other;
  if (!expect_success(cubnCreateOnDevice(&other, suite_device()), "create")) return;
  cubnBuffer_t mine = create(32), theirs = NULL;
  expect_success(cubnCreateBuffer(other, 32, &theirs), "create");
  expect_success(cubnFillBuffer(mine, 1), "fill");
  expect_success(cubnFillBuffer(theirs, 2), "fill");
  unsigned char received[32];
  expect_success(cubnDownloadBuffer(mine, 0, received, sizeof received), "download");
  CU_ASSERT_EQUAL(received[31], 1);
  CU_ASSERT_EQUAL(cubnDestroy(other), CUBN_STATUS_BAD_PARAM);
  destroy(theirs);
  expect_success(cubnDestroy(other), "destroy");
  destroy(mine);
}

void test_buffer_suites(void) {
  static const suite_test tests[] = {{"sizes", test_sizes},
                                     {"nothing", test_nothing},
                                     {"upload and download", test_upload_and_download},
                                     {"fill", test_fill},
                                     {"order", test_order},
                                     {"two handles", test_two_handles},
                                     {NULL, NULL}};
  suite_add("buffers", SUITE_DEVICES, tests);
}
