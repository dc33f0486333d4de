// The kernels of device_cuda.cu, one for each operation that is not a matrix product.
//
// Element i of the output is computed by one thread, alone and in a fixed order: nothing is shared,
// nothing is added atomically, and results are the same on every run. Where there are more elements
// than threads, a thread goes on with the element that is all threads further.
#pragma once
#include <cuda_runtime.h>

#include "device.h"

namespace nn {

__device__ inline size_t first_element() {
  return blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
}

__device__ inline size_t all_threads() {
  return gridDim.x * static_cast<size_t>(blockDim.x);
}

__device__ inline size_t pixel(const nn_window &w, int image, int row, int column) {
  return ((static_cast<size_t>(image) * w.h + row) * w.w + column) * w.c;
}

__global__ void add_bias_kernel(size_t count, int columns, const float *bias, float *y) {
  for (size_t i = first_element(); i < count; i += all_threads()) y[i] += bias[i % columns];
}

// One element of a patch: channel, column and row in the window, position, image.
__global__ void im2col_kernel(size_t count, nn_window w, const float *x, float *patches) {
  for (size_t i = first_element(); i < count; i += all_threads()) {
    size_t rest = i / w.c;
    const int channel = static_cast<int>(i % w.c);
    const int window_column = static_cast<int>(rest % w.size);
    rest /= w.size;
    const int window_row = static_cast<int>(rest % w.size);
    rest /= w.size;
    const int column = static_cast<int>(rest % w.out_w) * w.stride - w.pad + window_column;
    rest /= w.out_w;
    const int row = static_cast<int>(rest % w.out_h) * w.stride - w.pad + window_row;
    const int image = static_cast<int>(rest / w.out_h);
    const bool inside = row >= 0 && row < w.h && column >= 0 && column < w.w;
    patches[i] = inside ? x[pixel(w, image, row, column) + channel] : 0.0f;
  }
}

// A pixel gathers from the positions whose window covers it: no two threads write to one element.
__global__ void col2im_kernel(size_t count, nn_window w, const float *patches, float *dx) {
  for (size_t i = first_element(); i < count; i += all_threads()) {
    const size_t place = i / w.c;
    const int channel = static_cast<int>(i % w.c);
    const int column = static_cast<int>(place % w.w) + w.pad;
    const int row = static_cast<int>(place / w.w % w.h) + w.pad;
    const size_t image = place / w.w / w.h;
    float sum = 0.0f;
    for (int window_row = 0; window_row < w.size; ++window_row) {
      for (int window_column = 0; window_column < w.size; ++window_column) {
        const int top = row - window_row, left = column - window_column;
        if (top < 0 || left < 0 || top % w.stride != 0 || left % w.stride != 0) continue;
        const int out_row = top / w.stride, out_column = left / w.stride;
        if (out_row >= w.out_h || out_column >= w.out_w) continue;
        const size_t position = (image * w.out_h + out_row) * w.out_w + out_column;
        sum += patches[((position * w.size + window_row) * w.size + window_column) * w.c + channel];
      }
    }
    dx[i] = sum;
  }
}

__global__ void pool_kernel(size_t count, nn_window w, float share, const float *x, float *y) {
  for (size_t i = first_element(); i < count; i += all_threads()) {
    const size_t position = i / w.c;
    const int channel = static_cast<int>(i % w.c);
    const int left = static_cast<int>(position % w.out_w) * w.stride;
    const int top = static_cast<int>(position / w.out_w % w.out_h) * w.stride;
    const int image = static_cast<int>(position / w.out_w / w.out_h);
    float sum = 0.0f;
    for (int row = top; row < top + w.size; ++row)
      for (int column = left; column < left + w.size; ++column)
        sum += x[pixel(w, image, row, column) + channel];
    y[i] = sum * share;
  }
}

// Windows do not overlap: a pixel is in one of them, or in none at the border.
__global__ void pool_backward_kernel(size_t count, nn_window w, float share, const float *dy,
                                     float *dx) {
  for (size_t i = first_element(); i < count; i += all_threads()) {
    const size_t place = i / w.c;
    const int channel = static_cast<int>(i % w.c);
    const int out_column = static_cast<int>(place % w.w) / w.stride;
    const int out_row = static_cast<int>(place / w.w % w.h) / w.stride;
    const size_t image = place / w.w / w.h;
    const bool covered = out_row < w.out_h && out_column < w.out_w;
    const size_t position = (image * w.out_h + out_row) * w.out_w + out_column;
    dx[i] = covered ? dy[position * w.c + channel] * share : 0.0f;
  }
}

__device__ inline float activate(nn_activation kind, float x) {
  switch (kind) {
    case NN_SIGMOID:
      return 1.0f / (1.0f + expf(-x));
    case NN_TANH:
      return tanhf(x);
    case NN_RELU:
      return x < 0.0f ? 0.0f : x;
    default:
      return x;
  }
}

__device__ inline float slope(nn_activation kind, float y) {
  switch (kind) {
    case NN_SIGMOID:
      return y * (1.0f - y);
    case NN_TANH:
      return 1.0f - y * y;
    case NN_RELU:
      return y > 0.0f ? 1.0f : 0.0f;
    default:
      return 1.0f;
  }
}

__global__ void activate_kernel(size_t count, nn_activation kind, const float *x, float *y) {
  for (size_t i = first_element(); i < count; i += all_threads()) y[i] = activate(kind, x[i]);
}

__global__ void activate_backward_kernel(size_t count, nn_activation kind, const float *y,
                                         const float *dy, float *dx) {
  for (size_t i = first_element(); i < count; i += all_threads()) dx[i] = dy[i] * slope(kind, y[i]);
}

__global__ void add_kernel(size_t count, const float *x, float *sum) {
  for (size_t i = first_element(); i < count; i += all_threads()) sum[i] += x[i];
}

__global__ void multiply_add_kernel(size_t count, const float *factor, const float *shift,
                                    const float *x, float *y) {
  for (size_t i = first_element(); i < count; i += all_threads())
    y[i] = factor[i] * x[i] + (shift != nullptr ? shift[i] : 0.0f);
}

// A thread takes a whole row: there are few classes.
__global__ void softmax_loss_kernel(size_t rows, int classes, int images, const float *logits,
                                    const int32_t *labels, float *losses, float *hits,
                                    float *dlogits) {
  for (size_t i = first_element(); i < rows; i += all_threads()) {
    const float *row = logits + i * classes;
    const int label = labels[i];
    float largest = row[0];
    bool hit = true;
    for (int j = 0; j < classes; ++j) {
      largest = fmaxf(largest, row[j]);
      hit = hit && (j < label ? row[label] > row[j] : row[label] >= row[j]);
    }
    float sum = expf(row[0] - largest);
    for (int j = 1; j < classes; ++j) sum += expf(row[j] - largest);
    losses[i] = logf(sum) - (row[label] - largest);
    hits[i] = hit ? 1.0f : 0.0f;
    for (int j = 0; j < classes; ++j) {
      const float share = expf(row[j] - largest) / sum;
      dlogits[i * classes + j] = (share - (j == label ? 1.0f : 0.0f)) / static_cast<float>(images);
    }
  }
}

__global__ void sgd_kernel(size_t count, float rate, float momentum, const float *gradient,
                           float *velocity, float *value) {
  for (size_t i = first_element(); i < count; i += all_threads()) {
    velocity[i] = momentum * velocity[i] + gradient[i];
    value[i] -= rate * velocity[i];
  }
}

}  // namespace nn
