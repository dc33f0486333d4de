/* cubn's handles behind cuDNN's. */
#ifndef CUBN_CUDNN_HANDLES_H
#define CUBN_CUDNN_HANDLES_H

#include "cudnn/cudnn_api.h"

/* cubn's handle for a handle of cuDNN on the current device, made at the first call; NULL if cubn
 * cannot use the device, and then always NULL: what forward has done decides what backward must
 * do. */
cubnHandle_t cudnn_cubn_handle(cudnnHandle_t handle);

/* Frees what was made for a handle. */
void cudnn_forget_handle(cudnnHandle_t handle);

#endif /* CUBN_CUDNN_HANDLES_H */
