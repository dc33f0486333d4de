/* The operations on the CPU: CBLAS for matrix products, plain loops for everything else.
 *
 * Results do not depend on the number of threads: loops split over independent elements, and matrix
 * products are split into row blocks of one fixed height, each computed by one thread. OpenBLAS
 * would split by the number of threads, so its own threads are switched off. */
#include <cblas.h>
#include <math.h>

#include "nn/device.h"

/* Resolved only if the CBLAS is OpenBLAS; another one is configured by its environment. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));

/* Rows of a block of a matrix product: enough for OpenBLAS to be efficient, and few enough that a
 * batch of small images gives work to several cores. */
enum { ROW_BLOCK = 256 };

/* From how many elements on (multiplications, for products) a second thread pays: to wake threads
 * takes microseconds, and on a busy machine far more. */
static const size_t PARALLEL_ELEMENTS = 100 * 1000, PARALLEL_PRODUCTS = 10 * 1000 * 1000;

static bool cpu_open(nn_device *device) {
  (void)device;
  if (openblas_set_num_threads) openblas_set_num_threads(1);
  return true;
}

static void cpu_close(nn_device *device) {
  (void)device;
}

static bool cpu_gemm(nn_device *device, bool transpose_a, bool transpose_b, int rows, int columns,
                     int inner, const float *a, const float *b, float *c) {
  (void)device;
  const int lda = transpose_a ? rows : inner;
  const int ldb = transpose_b ? inner : columns;
  const size_t products = (size_t)rows * (size_t)columns * (size_t)inner;
#pragma omp parallel for schedule(static) if (products > PARALLEL_PRODUCTS)
  for (int row = 0; row < rows; row += ROW_BLOCK) {
    const int height = rows - row < ROW_BLOCK ? rows - row : ROW_BLOCK;
    const size_t offset = transpose_a ? (size_t)row : (size_t)row * (size_t)inner;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, height, columns, inner, 1.0f, a + offset,
                lda, b, ldb, 0.0f, c + (size_t)row * (size_t)columns, columns);
  }
  return true;
}

static bool cpu_add_bias(nn_device *device, int rows, int columns, const float *bias, float *y) {
  (void)device;
#pragma omp parallel for schedule(static) if ((size_t)rows * (size_t)columns > PARALLEL_ELEMENTS)
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) y[(size_t)i * (size_t)columns + (size_t)j] += bias[j];
  return true;
}

/* Offset of pixel (row, column) of image i. */
static size_t pixel(const nn_window *window, int i, int row, int column) {
  return (((size_t)i * (size_t)window->h + (size_t)row) * (size_t)window->w + (size_t)column) *
         (size_t)window->c;
}

static bool is_large(const nn_window *w) {
  return pixel(w, w->n, 0, 0) > PARALLEL_ELEMENTS;
}

static bool cpu_im2col(nn_device *device, const nn_window *w, const float *x, float *patches) {
  (void)device;
  const size_t patch = (size_t)w->size * (size_t)w->size * (size_t)w->c;
#pragma omp parallel for collapse(2) schedule(static) if (is_large(w))
  for (int i = 0; i < w->n; i++) {
    for (int position = 0; position < w->out_h * w->out_w; position++) {
      const int top = position / w->out_w * w->stride - w->pad;
      const int left = position % w->out_w * w->stride - w->pad;
      float *to = patches + ((size_t)i * (size_t)(w->out_h * w->out_w) + (size_t)position) * patch;
      for (int row = top; row < top + w->size; row++)
        for (int column = left; column < left + w->size; column++) {
          const bool inside = row >= 0 && row < w->h && column >= 0 && column < w->w;
          const float *from = inside ? x + pixel(w, i, row, column) : NULL;
          for (int channel = 0; channel < w->c; channel++) *to++ = from ? from[channel] : 0.0f;
        }
    }
  }
  return true;
}

static bool cpu_col2im(nn_device *device, const nn_window *w, const float *patches, float *dx) {
  (void)device;
  const size_t image = (size_t)w->h * (size_t)w->w * (size_t)w->c;
#pragma omp parallel for schedule(static) if (is_large(w))
  for (int i = 0; i < w->n; i++) {
    const float *from = patches + (size_t)i * (size_t)(w->out_h * w->out_w) *
                                      (size_t)(w->size * w->size) * (size_t)w->c;
    for (size_t j = 0; j < image; j++) dx[(size_t)i * image + j] = 0.0f;
    for (int position = 0; position < w->out_h * w->out_w; position++) {
      const int top = position / w->out_w * w->stride - w->pad;
      const int left = position % w->out_w * w->stride - w->pad;
      for (int row = top; row < top + w->size; row++)
        for (int column = left; column < left + w->size; column++, from += w->c) {
          if (row < 0 || row >= w->h || column < 0 || column >= w->w) continue;
          float *to = dx + pixel(w, i, row, column);
          for (int channel = 0; channel < w->c; channel++) to[channel] += from[channel];
        }
    }
  }
  return true;
}

static bool cpu_pool(nn_device *device, const nn_window *w, const float *x, float *y) {
  (void)device;
  const float share = 1.0f / (float)(w->size * w->size);
#pragma omp parallel for collapse(2) schedule(static) if (is_large(w))
  for (int i = 0; i < w->n; i++) {
    for (int position = 0; position < w->out_h * w->out_w; position++) {
      const int top = position / w->out_w * w->stride, left = position % w->out_w * w->stride;
      const size_t out = (size_t)i * (size_t)(w->out_h * w->out_w) + (size_t)position;
      for (int channel = 0; channel < w->c; channel++) {
        float sum = 0.0f;
        for (int row = top; row < top + w->size; row++)
          for (int column = left; column < left + w->size; column++)
            sum += x[pixel(w, i, row, column) + (size_t)channel];
        y[out * (size_t)w->c + (size_t)channel] = sum * share;
      }
    }
  }
  return true;
}

static bool cpu_pool_backward(nn_device *device, const nn_window *w, const float *dy, float *dx) {
  (void)device;
  const float share = 1.0f / (float)(w->size * w->size);
  const size_t image = (size_t)w->h * (size_t)w->w * (size_t)w->c;
#pragma omp parallel for schedule(static) if (is_large(w))
  for (int i = 0; i < w->n; i++) {
    const float *from = dy + (size_t)i * (size_t)(w->out_h * w->out_w) * (size_t)w->c;
    for (size_t j = 0; j < image; j++) dx[(size_t)i * image + j] = 0.0f;
    for (int position = 0; position < w->out_h * w->out_w; position++, from += w->c) {
      const int top = position / w->out_w * w->stride, left = position % w->out_w * w->stride;
      for (int row = top; row < top + w->size; row++)
        for (int column = left; column < left + w->size; column++)
          for (int channel = 0; channel < w->c; channel++)
            dx[pixel(w, i, row, column) + (size_t)channel] += from[channel] * share;
    }
  }
  return true;
}

static float activate(nn_activation kind, float x) {
  if (kind == NN_SIGMOID) return 1.0f / (1.0f + expf(-x));
  if (kind == NN_TANH) return tanhf(x);
  if (kind == NN_RELU) return x < 0.0f ? 0.0f : x;
  return x;
}

static float slope(nn_activation kind, float y) {
  if (kind == NN_SIGMOID) return y * (1.0f - y);
  if (kind == NN_TANH) return 1.0f - y * y;
  if (kind == NN_RELU) return y > 0.0f ? 1.0f : 0.0f;
  return 1.0f;
}

static bool cpu_activate(nn_device *device, nn_activation kind, size_t count, const float *x,
                         float *y) {
  (void)device;
#pragma omp parallel for schedule(static) if (count > PARALLEL_ELEMENTS)
  for (size_t i = 0; i < count; i++) y[i] = activate(kind, x[i]);
  return true;
}

static bool cpu_activate_backward(nn_device *device, nn_activation kind, size_t count,
                                  const float *y, const float *dy, float *dx) {
  (void)device;
#pragma omp parallel for schedule(static) if (count > PARALLEL_ELEMENTS)
  for (size_t i = 0; i < count; i++) dx[i] = dy[i] * slope(kind, y[i]);
  return true;
}

static bool cpu_softmax_loss(nn_device *device, int rows, int classes, int images,
                             const float *logits, const int32_t *labels, float *losses, float *hits,
                             float *dlogits) {
  (void)device;
  for (int i = 0; i < rows; i++) {
    const float *row = logits + (size_t)i * (size_t)classes;
    float *gradient = dlogits + (size_t)i * (size_t)classes;
    const int label = labels[i];
    float largest = row[0];
    bool hit = true;
    for (int j = 0; j < classes; j++) {
      largest = fmaxf(largest, row[j]);
      hit = hit && (j < label ? row[label] > row[j] : row[label] >= row[j]);
    }
    float sum = expf(row[0] - largest);
    for (int j = 1; j < classes; j++) sum += expf(row[j] - largest);
    losses[i] = logf(sum) - (row[label] - largest);
    hits[i] = hit ? 1.0f : 0.0f;
    for (int j = 0; j < classes; j++)
      gradient[j] = (expf(row[j] - largest) / sum - (j == label ? 1.0f : 0.0f)) / (float)images;
  }
  return true;
}

static bool cpu_add(nn_device *device, size_t count, const float *x, float *sum) {
  (void)device;
#pragma omp parallel for schedule(static) if (count > PARALLEL_ELEMENTS)
  for (size_t i = 0; i < count; i++) sum[i] += x[i];
  return true;
}

static bool cpu_multiply_add(nn_device *device, size_t count, const float *factor,
                             const float *shift, const float *x, float *y) {
  (void)device;
#pragma omp parallel for schedule(static) if (count > PARALLEL_ELEMENTS)
  for (size_t i = 0; i < count; i++) y[i] = factor[i] * x[i] + (shift != NULL ? shift[i] : 0.0f);
  return true;
}

static bool cpu_sgd(nn_device *device, size_t count, float rate, float momentum,
                    const float *gradient, float *velocity, float *value) {
  (void)device;
  for (size_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] + gradient[i];
    value[i] -= rate * velocity[i];
  }
  return true;
}

const nn_operations nn_cpu_operations = {
    .open = cpu_open,
    .close = cpu_close,
    .gemm = cpu_gemm,
    .add_bias = cpu_add_bias,
    .im2col = cpu_im2col,
    .col2im = cpu_col2im,
    .pool = cpu_pool,
    .pool_backward = cpu_pool_backward,
    .activate = cpu_activate,
    .activate_backward = cpu_activate_backward,
    .softmax_loss = cpu_softmax_loss,
    .add = cpu_add,
    .multiply_add = cpu_multiply_add,
    .sgd = cpu_sgd,
};
