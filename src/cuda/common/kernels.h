/* The list of kernels, by which all are loaded when a device is opened. */
#ifndef CUBN_CUDA_COMMON_KERNELS_H
#define CUBN_CUDA_COMMON_KERNELS_H

/* A kernel in the list. It is static: constructed before main, and never destroyed. */
struct cubn_kernel {
  const void *function;
  const cubn_kernel *next;

  explicit cubn_kernel(const void *kernel);
};

/* The first kernel of the list. */
extern const cubn_kernel *cubn_kernels;

#endif /* CUBN_CUDA_COMMON_KERNELS_H */
