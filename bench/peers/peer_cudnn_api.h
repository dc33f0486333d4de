/* What the benchmark calls of cuDNN's classic API, as pointers to functions that are looked up at
 * run time. Descriptors and handles are opaque, enumerations are ints. */
#ifndef CUBN_BENCH_PEER_CUDNN_API_H
#define CUBN_BENCH_PEER_CUDNN_API_H

#include <stddef.h>

enum { CUDNN_PER_ACTIVATION, CUDNN_SPATIAL, CUDNN_SPATIAL_PERSISTENT };
enum { CUDNN_OPS_BN, CUDNN_OPS_BN_ACTIVATION, CUDNN_OPS_BN_ADD_ACTIVATION };
enum { CUDNN_ACTIVATION_RELU = 1 };

typedef struct cudnn_api {
  void *library;
  char path[256];

  size_t (*get_version)(void);
  const char *(*get_error_string)(int status);
  int (*create)(void **handle);
  int (*destroy)(void *handle);
  int (*set_stream)(void *handle, void *stream);
  int (*create_tensor)(void **tensor);
  int (*destroy_tensor)(void *tensor);
  int (*set_tensor)(void *tensor, int type, int rank, const int dims[], const int strides[]);
  int (*derive_param)(void *param, const void *tensor, int mode);

  int (*create_activation)(void **activation);
  int (*destroy_activation)(void *activation);
  int (*set_activation)(void *activation, int mode, int nan_propagation, double coef);
  int (*activate)(void *handle, void *activation, const void *alpha, const void *x_desc,
                  const void *x, const void *beta, const void *y_desc, void *y);
  int (*activate_backward)(void *handle, void *activation, const void *alpha, const void *y_desc,
                           const void *y, const void *dy_desc, const void *dy, const void *x_desc,
                           const void *x, const void *beta, const void *dx_desc, void *dx);
  int (*add)(void *handle, const void *alpha, const void *a_desc, const void *a, const void *beta,
             const void *c_desc, void *c); /* c = alpha * a + beta * c */

  int (*infer)(void *handle, int mode, const void *alpha, const void *beta, const void *x_desc,
               const void *x, const void *y_desc, void *y, const void *param_desc,
               const void *scale, const void *bias, const void *mean, const void *var,
               double epsilon);
  int (*train_workspace)(void *handle, int mode, int ops, const void *x_desc, const void *z_desc,
                         const void *y_desc, const void *param_desc, const void *activation,
                         size_t *bytes);
  int (*backward_workspace)(void *handle, int mode, int ops, const void *x_desc, const void *y_desc,
                            const void *dy_desc, const void *dz_desc, const void *dx_desc,
                            const void *param_desc, const void *activation, size_t *bytes);
  int (*reserve)(void *handle, int mode, int ops, const void *activation, const void *x_desc,
                 size_t *bytes);
  int (*train)(void *handle, int mode, int ops, const void *alpha, const void *beta,
               const void *x_desc, const void *x, const void *z_desc, const void *z,
               const void *y_desc, void *y, const void *param_desc, const void *scale,
               const void *bias, double factor, void *running_mean, void *running_var,
               double epsilon, void *saved_mean, void *saved_inv_std, void *activation,
               void *workspace, size_t workspace_bytes, void *reserve, size_t reserve_bytes);
  int (*backward)(void *handle, int mode, int ops, const void *alpha_data, const void *beta_data,
                  const void *alpha_param, const void *beta_param, const void *x_desc,
                  const void *x, const void *y_desc, const void *y, const void *dy_desc,
                  const void *dy, const void *dz_desc, void *dz, const void *dx_desc, void *dx,
                  const void *param_desc, const void *scale, const void *bias, void *dscale,
                  void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
                  void *activation, void *workspace, size_t workspace_bytes, void *reserve,
                  size_t reserve_bytes);
} cudnn_api;

/* Returns NULL, or why the library cannot be used (kept until the next call). `path`: see
 * bench_peer_open_cudnn. */
const char *cudnn_api_load(cudnn_api *api, const char *path);
void cudnn_api_unload(cudnn_api *api);

#endif /* CUBN_BENCH_PEER_CUDNN_API_H */
