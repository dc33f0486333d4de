/* The memory functions of the test program: those of CUDA on a GPU, real or emulated, and malloc on
 * a CPU. */
#ifndef DROPIN_MEM_H
#define DROPIN_MEM_H

#include <stdlib.h>
#include <string.h>

#ifdef DROPIN_ON_CPU

static inline void *mem_create(size_t bytes) {
  return malloc(bytes ? bytes : 1);
}
static inline void mem_destroy(void *memory) {
  free(memory);
}
static inline void mem_upload(void *to, const void *from, size_t bytes) {
  memcpy(to, from, bytes);
}
static inline void mem_download(void *to, const void *from, size_t bytes) {
  memcpy(to, from, bytes);
}
/* A CPU handle has the default stream only. */
static inline void *mem_create_stream(void) {
  return NULL;
}
static inline void mem_destroy_stream(void *stream) {
  (void)stream;
}

#else

#include <cuda_runtime_api.h>

static inline void *mem_create(size_t bytes) {
  void *memory = NULL;
  return cudaMalloc(&memory, bytes ? bytes : 1) == cudaSuccess ? memory : NULL;
}
static inline void mem_destroy(void *memory) {
  if (cudaFree(memory) != cudaSuccess) abort();
}
static inline void mem_upload(void *to, const void *from, size_t bytes) {
  if (cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice) != cudaSuccess) abort();
}
/* Waits for the work of all streams. */
static inline void mem_download(void *to, const void *from, size_t bytes) {
  if (cudaDeviceSynchronize() != cudaSuccess) abort();
  if (cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost) != cudaSuccess) abort();
}
static inline void *mem_create_stream(void) {
  cudaStream_t stream = NULL;
  return cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess ? stream : NULL;
}
static inline void mem_destroy_stream(void *stream) {
  if (cudaStreamDestroy((cudaStream_t)stream) != cudaSuccess) abort();
}

#endif

#endif /* DROPIN_MEM_H */
