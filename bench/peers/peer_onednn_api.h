/* What the benchmark calls of oneDNN's C API, version 3, as pointers to functions that are looked
 * up at run time. Objects are opaque, enumerations are ints. */
#ifndef CUBN_BENCH_PEER_ONEDNN_API_H
#define CUBN_BENCH_PEER_ONEDNN_API_H

#include <stddef.h>
#include <stdint.h>

enum { ONEDNN_CPU = 1, ONEDNN_IN_ORDER = 1, ONEDNN_DIMS = 12 };
enum { ONEDNN_F16 = 1, ONEDNN_BF16 = 2, ONEDNN_F32 = 3, ONEDNN_F64 = 7 };
enum { ONEDNN_NCHW16C = 78 };
enum { ONEDNN_TRAIN = 64, ONEDNN_INFER = 96, ONEDNN_BACKWARD = 128 };
enum {
  ONEDNN_GIVEN_STATISTICS = 1,
  ONEDNN_SCALE = 2,
  ONEDNN_SHIFT = 4,
  ONEDNN_FUSE_RELU = 8,
  ONEDNN_FUSE_ADD_RELU = 16
};
enum { ONEDNN_IMPLEMENTATION_NAME = 8, ONEDNN_WORKSPACE_DESC = 135 };
enum {
  ONEDNN_ARG_SRC = 1,
  ONEDNN_ARG_SRC_1 = 2,
  ONEDNN_ARG_DST = 17,
  ONEDNN_ARG_MEAN = 49,
  ONEDNN_ARG_VARIANCE = 50,
  ONEDNN_ARG_SCALE = 51,
  ONEDNN_ARG_SHIFT = 52,
  ONEDNN_ARG_WORKSPACE = 64,
  ONEDNN_ARG_DIFF_SRC = 129,
  ONEDNN_ARG_DIFF_SRC_1 = 130,
  ONEDNN_ARG_DIFF_DST = 145,
  ONEDNN_ARG_DIFF_SCALE = 255,
  ONEDNN_ARG_DIFF_SHIFT = 256
};

typedef struct onednn_version {
  int major, minor, patch;
} onednn_version;

typedef struct onednn_arg {
  int arg;
  void *memory;
} onednn_arg;

typedef struct onednn_api {
  void *library;
  char path[256];

  const onednn_version *(*version)(void);
  int (*engine_create)(void **engine, int kind, size_t index);
  int (*engine_destroy)(void *engine);
  int (*stream_create)(void **stream, void *engine, unsigned flags);
  int (*stream_destroy)(void *stream);
  int (*stream_wait)(void *stream);
  int (*desc_with_strides)(void **desc, int rank, const int64_t *dims, int type,
                           const int64_t *strides);
  int (*desc_with_tag)(void **desc, int rank, const int64_t *dims, int type, int tag);
  int (*desc_destroy)(void *desc);
  size_t (*desc_size)(const void *desc);
  int (*memory_create)(void **memory, const void *desc, void *engine, void *pointer);
  int (*memory_destroy)(void *memory);
  int (*forward_create)(void **primitive_desc, void *engine, int pass, const void *src,
                        const void *dst, float epsilon, unsigned flags, const void *attributes);
  int (*backward_create)(void **primitive_desc, void *engine, int pass, const void *diff_src,
                         const void *diff_dst, const void *src, float epsilon, unsigned flags,
                         const void *forward, const void *attributes);
  int (*reorder_create)(void **primitive_desc, const void *from, void *from_engine, const void *to,
                        void *to_engine, const void *attributes);
  int (*primitive_desc_query)(const void *primitive_desc, int what, int index, void *result);
  const void *(*primitive_desc_query_desc)(const void *primitive_desc, int what, int index);
  int (*primitive_desc_destroy)(void *primitive_desc);
  int (*primitive_create)(void **primitive, const void *primitive_desc);
  int (*primitive_execute)(const void *primitive, void *stream, int count, const onednn_arg *args);
  int (*primitive_destroy)(void *primitive);
} onednn_api;

/* Returns NULL, or why the library cannot be used (kept until the next call). `path`: see
 * bench_peer_open_onednn. */
const char *onednn_api_load(onednn_api *api, const char *path);
void onednn_api_unload(onednn_api *api);

#endif /* CUBN_BENCH_PEER_ONEDNN_API_H */
