/* Synchronized batch normalization on GPUs: each rank has a GPU and a share of the batch, and all
 * normalize with the statistics of the whole. Ranks are processes, which find each other by a file:
 *   minimal_nccl 3 0 /shared/id & minimal_nccl 3 1 /shared/id & minimal_nccl 3 2 /shared/id
 * Without arguments there is one rank. */
#include <cubn_nccl.h>
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N = 4, C = 2, H = 4, W = 4, VALUES = N * C * H * W };

static void check(cubnStatus_t status) {
  if (status == CUBN_STATUS_SUCCESS) return;
  char message[512];
  cubnGetLastErrorString(message, sizeof message);
  fprintf(stderr, "%s: %s\n", cubnGetErrorString(status), message);
  exit(1);
}

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

/* Rank 0 writes the identifier into a new file, which the others wait for. */
static ncclUniqueId share_id(int rank, const char *path) {
  ncclUniqueId id;
  char written[512];
  FILE *file = NULL;
  if (rank == 0) require(ncclGetUniqueId(&id) == ncclSuccess, "ncclGetUniqueId");
  if (!path) return id;
  snprintf(written, sizeof written, "%s.written", path);
  if (rank == 0) {
    file = fopen(written, "wb");
    require(file && fwrite(&id, sizeof id, 1, file) == 1 && fclose(file) == 0, written);
    require(rename(written, path) == 0, "rename");
    return id;
  }
  while (!(file = fopen(path, "rb"))) sleep(1);
  require(fread(&id, sizeof id, 1, file) == 1 && fclose(file) == 0, path);
  return id;
}

static void *device_memory(cubnHandle_t handle, int count, cubnBuffer_t *buffer) {
  void *pointer;
  check(cubnCreateBuffer(handle, (size_t)count * sizeof(float), buffer));
  check(cubnGetBufferPointer(*buffer, &pointer));
  return pointer;
}

/* y of this rank's share, and the mean of channel 0 of all. */
static void normalize(cubnHandle_t handle, cubnBatchNormDescriptor_t bn, const float *x, float *y,
                      float *mean) {
  cubnTensorDescriptor_t image, param;
  cubnBuffer_t x_buffer, y_buffer, saved[3];
  check(cubnCreateTensorDescriptor(&image));
  check(cubnCreateTensorDescriptor(&param));
  check(cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, N, C, H, W));
  check(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL));
  const cubnBatchNormTensors_t t = {.x_desc = image,
                                    .y_desc = image,
                                    .param_desc = param,
                                    .x = device_memory(handle, VALUES, &x_buffer),
                                    .y = device_memory(handle, VALUES, &y_buffer),
                                    .saved_mean = device_memory(handle, C, &saved[0]),
                                    .saved_mean_low = device_memory(handle, C, &saved[1]),
                                    .saved_inv_std = device_memory(handle, C, &saved[2])};
  check(cubnUploadBuffer(x_buffer, 0, x, VALUES * sizeof *x));
  check(cubnBatchNormForward(handle, bn, &t)); /* enqueues, and does not wait */
  check(cubnSynchronize(handle));              /* also says if another rank has failed */
  check(cubnDownloadBuffer(y_buffer, 0, y, VALUES * sizeof *y));
  check(cubnDownloadBuffer(saved[0], 0, mean, sizeof *mean));
  for (int i = 0; i < 3; ++i) check(cubnDestroyBuffer(saved[i]));
  check(cubnDestroyBuffer(x_buffer));
  check(cubnDestroyBuffer(y_buffer));
  check(cubnDestroyTensorDescriptor(image));
  check(cubnDestroyTensorDescriptor(param));
}

int main(int count, char **arguments) {
  const int ranks = count > 3 ? atoi(arguments[1]) : 1, rank = count > 3 ? atoi(arguments[2]) : 0;
  int devices = 0;
  ncclComm_t comm;
  require(cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0, "cudaGetDeviceCount");
  require(cudaSetDevice(rank % devices) == cudaSuccess, "cudaSetDevice");
  const ncclUniqueId id = share_id(rank, count > 3 ? arguments[3] : NULL);
  require(ncclCommInitRank(&comm, ranks, id, rank) == ncclSuccess, "ncclCommInitRank");

  cubnHandle_t handle;
  cubnCommunicator_t communicator;
  cubnBatchNormDescriptor_t bn;
  check(cubnCreateOnDevice(&handle, "cuda")); /* the current one */
  check(cubnCreateCommunicatorNCCL(&communicator, comm));
  check(cubnCreateBatchNormDescriptor(&bn));
  check(cubnSetBatchNormCommunicator(handle, bn, communicator, C));

  float x[VALUES], y[VALUES], mean;
  double sum = 0;
  for (int i = 0; i < VALUES; ++i) x[i] = 5 + 3 * sinf((float)(i * i + rank));
  normalize(handle, bn, x, y, &mean);
  for (int i = 0; i < VALUES; ++i) sum += (double)y[i];
  printf("rank %d of %d: mean of channel 0 %.6f, sum of y %9.6f\n", rank, ranks, (double)mean, sum);

  check(cubnDestroyBatchNormDescriptor(bn));
  check(cubnDestroyCommunicator(communicator));
  check(cubnDestroy(handle));
  require(ncclCommDestroy(comm) == ncclSuccess, "ncclCommDestroy");
  return ranks == 1 && !(fabs(sum) < 1e-3);
}
