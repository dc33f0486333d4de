/* What the layers need from a device: memory, errors, and a dozen operations on float arrays.
 *
 * There are two tables of operations, one for the CPU (device_cpu.c: CBLAS and plain loops) and one
 * for CUDA (device_cuda.cu: cuBLAS and one small kernel per operation). Batch normalization is not
 * among them: layers call cubn for it, on the device's handle.
 *
 * Tensors are NHWC, so a batch is a matrix of n * h * w rows and c columns, and a convolution is
 * one matrix product for the whole batch. */
#ifndef NN_DEVICE_H
#define NN_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors: functions return false, and leave a message ------------------------------------- */

/* Sets the message and returns false. */
__attribute__((format(printf, 1, 2))) bool nn_fail(const char *format, ...);
const char *nn_message(void);
/* True for success; else sets the message to cubn's and returns false. */
bool nn_check(cubnStatus_t status);

/* ---- Devices --------------------------------------------------------------------------------- */

typedef struct nn_operations nn_operations;
typedef struct nn_group nn_group;

typedef struct nn_device {
  cubnHandle_t handle;
  const nn_operations *ops;
  void *state;           /* of the operations: on CUDA the cuBLAS handle */
  const nn_group *group; /* of processes, see group.h; NULL: this one alone */
} nn_device;

/* The operations for a type of device, or NULL if the program was built without their library. */
const nn_operations *nn_operations_for(cubnDeviceType_t type);

/* name: "cpu", "cuda", "cuda:N", or "auto" for what cubnCreate takes. */
bool nn_device_open(nn_device *device, const char *name);
void nn_device_close(nn_device *device);

/* ---- Arrays: device memory for floats (or 32-bit integers) ----------------------------------- */

typedef struct nn_array {
  cubnBuffer_t buffer;
  float *data; /* on the device */
  size_t count;
} nn_array;

/* Content: zeros. */
bool nn_array_create(nn_device *device, nn_array *array, size_t count);
void nn_array_destroy(nn_array *array);
bool nn_array_upload(nn_array *array, const void *from, size_t count);
bool nn_array_download(const nn_array *array, void *to, size_t count);
bool nn_array_set(nn_array *array, float value);

/* ---- Operations ------------------------------------------------------------------------------ */

/* A square window that slides over n images of h x w pixels and c channels, in steps of `stride`,
 * over a border of `pad` zeros. */
typedef struct nn_window {
  int n, h, w, c;
  int size, stride, pad;
  int out_h, out_w; /* positions */
} nn_window;

typedef enum { NN_IDENTITY, NN_SIGMOID, NN_TANH, NN_RELU } nn_activation;

/* A recorded sequence of operations. */
typedef struct nn_graph nn_graph;

/* All enqueue on the handle's stream. Arrays do not overlap, but where output and input of an
 * element-wise operation have the same number of elements, they may be the same array. */
struct nn_operations {
  bool (*open)(nn_device *device);
  void (*close)(nn_device *device);

  /* c[rows][columns] = op(a) * op(b) with `inner` terms each; op transposes, if asked to. a is
   * stored as [rows][inner], transposed [inner][rows]; b as [inner][columns] or its transpose. */
  bool (*gemm)(nn_device *device, bool transpose_a, bool transpose_b, int rows, int columns,
               int inner, const float *a, const float *b, float *c);
  /* y[i][j] += bias[j] */
  bool (*add_bias)(nn_device *device, int rows, int columns, const float *bias, float *y);

  /* patches[n * out_h * out_w][size * size * c]: the pixels under each position of the window. */
  bool (*im2col)(nn_device *device, const nn_window *window, const float *x, float *patches);
  /* Its transpose: each pixel of dx is the sum over the patches that it was copied to. */
  bool (*col2im)(nn_device *device, const nn_window *window, const float *patches, float *dx);

  /* Average over each position of a window without border; and its transpose. */
  bool (*pool)(nn_device *device, const nn_window *window, const float *x, float *y);
  bool (*pool_backward)(nn_device *device, const nn_window *window, const float *dy, float *dx);

  /* y = f(x);  dx = dy * f'(x), computed from y. */
  bool (*activate)(nn_device *device, nn_activation kind, size_t count, const float *x, float *y);
  bool (*activate_backward)(nn_device *device, nn_activation kind, size_t count, const float *y,
                            const float *dy, float *dx);

  /* Per row: loss = -log(softmax(logits)[label]), hit = 1 if the label has the largest logit (of
   * equals: the first), else 0, also if there is NaN. dlogits = gradient of the sum of the
   * losses divided by `images`. */
  bool (*softmax_loss)(nn_device *device, int rows, int classes, int images, const float *logits,
                       const int32_t *labels, float *losses, float *hits, float *dlogits);

  /* sum[i] += x[i] */
  bool (*add)(nn_device *device, size_t count, const float *x, float *sum);
  /* y[i] = factor[i] * x[i] + shift[i]; without shift, if that is NULL. */
  bool (*multiply_add)(nn_device *device, size_t count, const float *factor, const float *shift,
                       const float *x, float *y);

  /* velocity = momentum * velocity + gradient;  value -= rate * velocity */
  bool (*sgd)(nn_device *device, size_t count, float rate, float momentum, const float *gradient,
              float *velocity, float *value);

  /* Recording: what is enqueued from begin to end is not executed but becomes a graph, which can be
   * replayed as a whole. All four are NULL on devices where that gains nothing. end must
   * follow begin after a failure, too. */
  bool (*begin_graph)(nn_device *device);
  bool (*end_graph)(nn_device *device, nn_graph **graph);
  bool (*replay_graph)(nn_device *device, nn_graph *graph);
  void (*free_graph)(nn_graph *graph);
};

extern const nn_operations nn_cpu_operations;
extern const nn_operations nn_cuda_operations; /* linked if NN_WITH_CUDA is 1 */

#ifdef __cplusplus
}
#endif

#endif /* NN_DEVICE_H */
