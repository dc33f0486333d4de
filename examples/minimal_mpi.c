/* Synchronized batch normalization: each rank has a share of the batch, and all normalize with the
 * statistics of the whole. Run it with: mpirun -n 3 minimal_mpi */
#include <cubn_mpi.h>
#include <math.h>
#include <stdio.h>

enum { C = 2, H = 4, W = 4, VALUES = C * H * W, IMAGES_MAX = 8 };

static void check(cubnStatus_t status) {
  if (status == CUBN_STATUS_SUCCESS) return;
  char message[512];
  cubnGetLastErrorString(message, sizeof message);
  fprintf(stderr, "%s: %s\n", cubnGetErrorString(status), message);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

/* One step of training with `images` images: forward, then backward. */
static void train(cubnHandle_t handle, cubnBatchNormDescriptor_t bn, int images, const float *x,
                  float *y, const float *dy, float *dx) {
  float running_mean[C] = {0}, running_var[C] = {1, 1}, dscale[C], dbias[C];
  float mean[C], mean_low[C], inv_std[C];
  cubnTensorDescriptor_t image, param;
  check(cubnCreateTensorDescriptor(&image));
  check(cubnCreateTensorDescriptor(&param));
  check(cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, images, C, H, W));
  check(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL));

  const cubnBatchNormTensors_t t = {.x_desc = image,
                                    .y_desc = image,
                                    .dy_desc = image,
                                    .dx_desc = image,
                                    .param_desc = param,
                                    .x = x,
                                    .y = y,
                                    .dy = dy,
                                    .dx = dx,
                                    .dscale = dscale,
                                    .dbias = dbias,
                                    .saved_mean = mean,
                                    .saved_mean_low = mean_low,
                                    .saved_inv_std = inv_std,
                                    .running_mean = running_mean,
                                    .running_var = running_var};
  check(cubnBatchNormForward(handle, bn, &t));
  check(cubnBatchNormBackward(handle, bn, &t));
  printf("%d images: mean of channel 0 %.6f, this rank's part of dbias %9.6f\n", images,
         (double)mean[0], (double)dbias[0]);

  check(cubnDestroyTensorDescriptor(image));
  check(cubnDestroyTensorDescriptor(param));
}

/* y of the whole batch has mean 0 and variance 1. */
static int is_normalized(const float *y, int count) {
  double sums[3] = {count, 0, 0};
  for (int i = 0; i < count; ++i) {
    sums[1] += y[i];
    sums[2] += (double)y[i] * y[i];
  }
  MPI_Allreduce(MPI_IN_PLACE, sums, 3, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sums[0] == 0 || (fabs(sums[1] / sums[0]) < 1e-5 && fabs(sums[2] / sums[0] - 1) < 1e-4);
}

int main(int count, char **arguments) {
  int rank;
  MPI_Init(&count, &arguments);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);

  cubnHandle_t handle;
  cubnCommunicator_t communicator;
  cubnBatchNormDescriptor_t bn;
  check(cubnCreateOnDevice(&handle, "cpu"));
  check(cubnCreateCommunicatorMPI(&communicator, MPI_COMM_WORLD));
  check(cubnCreateBatchNormDescriptor(&bn));
  check(cubnSetBatchNormCommunicator(handle, bn, communicator, C));

  /* Shares may have different sizes, and may be empty. */
  const int images = rank % (IMAGES_MAX + 1);
  float x[IMAGES_MAX * VALUES], y[IMAGES_MAX * VALUES];
  float dy[IMAGES_MAX * VALUES], dx[IMAGES_MAX * VALUES];
  for (int i = 0; i < images * VALUES; ++i) {
    x[i] = 5 + 3 * sinf((float)(i * i + rank));
    dy[i] = cosf((float)(i * i));
  }
  train(handle, bn, images, x, y, dy, dx);
  const int is_right = is_normalized(y, images * VALUES);

  check(cubnDestroyBatchNormDescriptor(bn));
  check(cubnDestroyCommunicator(communicator));
  check(cubnDestroy(handle));
  MPI_Finalize();
  return !is_right;
}
