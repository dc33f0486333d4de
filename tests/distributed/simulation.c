/* Many ranks on one machine, without MPI: communicators of threads, and of a single thread that
 * stands for all. Says whether the ranks compute what one process does with the whole batch, and
 * the same bits gathering and with divided channels, how much they exchange, and how long a rank is
 * busy merging.
 *
 *     cubn-distributed-simulation [RANKS-MAX [CHANNELS]]
 */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "distributed/merging.h"
#include "distributed/program.h"

enum { H = 3, W = 3, PIXELS = H * W };
/* Of an array per channel. */
enum { MEAN, LOW, INV_STD, DSCALE, DBIAS, ARRAYS };

/* What a rank, or the process with all images, has. */
typedef struct share {
  struct simulation *all;
  int rank, ranks, images;
  const float *x, *dy;
  float *y, *dx, *arrays;
  bool divides;
  size_t bytes; /* sent */
} share;

typedef struct simulation {
  int channels;
  pthread_barrier_t barrier;
  double *blocks; /* of all ranks; as long as the longest collective */
} simulation;

/* ---- A share, and its two calls ---- */

static void run_share(share *self, const cubnCommunicatorFunctions_t *functions) {
  const int channels = self->all->channels;
  float *arrays[ARRAYS];
  cubnHandle_t handle;
  cubnCommunicator_t communicator = NULL;
  cubnBatchNormDescriptor_t bn;
  cubnTensorDescriptor_t image, param;
  for (int i = 0; i < ARRAYS; ++i) arrays[i] = self->arrays + (size_t)i * (size_t)channels;
  check(cubnCreateOnDevice(&handle, "cpu"));
  check(cubnCreateBatchNormDescriptor(&bn));
  check(cubnCreateTensorDescriptor(&image));
  check(cubnCreateTensorDescriptor(&param));
  check(cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, self->images, channels,
                                  H, W));
  check(cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL));
  check(cubnSetBatchNormAttribute(bn, CUBN_BATCHNORM_PARAM_SUMS, CUBN_PARAM_SUMS_ALL));
  if (functions) {
    check(cubnCreateCommunicator(&communicator, functions, self, self->rank, self->ranks));
    check(cubnSetCommunicatorGatherRanks(communicator, self->divides ? 1 : INT_MAX));
    check(cubnSetBatchNormCommunicator(handle, bn, communicator, channels));
  }
  const cubnBatchNormTensors_t t = {.x_desc = image,
                                    .y_desc = image,
                                    .dy_desc = image,
                                    .dx_desc = image,
                                    .param_desc = param,
                                    .x = self->x,
                                    .y = self->y,
                                    .dy = self->dy,
                                    .dx = self->dx,
                                    .dscale = arrays[DSCALE],
                                    .dbias = arrays[DBIAS],
                                    .saved_mean = arrays[MEAN],
                                    .saved_mean_low = arrays[LOW],
                                    .saved_inv_std = arrays[INV_STD]};
  self->bytes = 0;
  check(cubnBatchNormForward(handle, bn, &t));
  check(cubnBatchNormBackward(handle, bn, &t));
  check(cubnDestroyTensorDescriptor(image));
  check(cubnDestroyTensorDescriptor(param));
  check(cubnDestroyBatchNormDescriptor(bn));
  check(cubnDestroyCommunicator(communicator));
  check(cubnDestroy(handle));
}

/* ---- Ranks as threads ---- */

static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  share *const self = context;
  simulation *const all = self->all;
  (void)stream;
  memcpy(all->blocks + (size_t)self->rank * count, send, count * sizeof *send);
  pthread_barrier_wait(&all->barrier);
  memcpy(receive, all->blocks, (size_t)self->ranks * count * sizeof *send);
  pthread_barrier_wait(&all->barrier);
  self->bytes += count * sizeof *send;
  return 0;
}

static int all_to_all(void *context, const double *send, double *receive, size_t count,
                      cubnStream_t stream) {
  share *const self = context;
  simulation *const all = self->all;
  const size_t ranks = (size_t)self->ranks, rank = (size_t)self->rank;
  (void)stream;
  memcpy(all->blocks + rank * ranks * count, send, ranks * count * sizeof *send);
  pthread_barrier_wait(&all->barrier);
  for (size_t r = 0; r < ranks; ++r)
    memcpy(receive + r * count, all->blocks + (r * ranks + rank) * count, count * sizeof *send);
  pthread_barrier_wait(&all->barrier);
  self->bytes += ranks * count * sizeof *send;
  return 0;
}

static void *run_rank(void *argument) {
  static const cubnCommunicatorFunctions_t functions = {.gather = gather, .all_to_all = all_to_all};
  run_share(argument, &functions);
  return NULL;
}

/* Runs all; whether all have the same arrays. */
static bool run_ranks(simulation *all, share *shares, int ranks, bool divides) {
  const size_t bytes = ARRAYS * (size_t)all->channels * sizeof(float);
  pthread_t *const threads = allocate((size_t)ranks, sizeof *threads);
  bool same = true;
  pthread_barrier_init(&all->barrier, NULL, (unsigned)ranks);
  for (int r = 0; r < ranks; ++r) {
    shares[r].divides = divides;
    if (pthread_create(&threads[r], NULL, run_rank, &shares[r])) {
      fprintf(stderr, "no thread for rank %d of %d\n", r, ranks);
      exit(1);
    }
  }
  for (int r = 0; r < ranks; ++r) pthread_join(threads[r], NULL);
  pthread_barrier_destroy(&all->barrier);
  for (int r = 1; r < ranks; ++r)
    same = same && memcmp(shares[0].arrays, shares[r].arrays, bytes) == 0;
  free(threads);
  return same;
}

/* The largest difference, relative to the largest value. */
static double difference(const float *a, const float *b, size_t count) {
  double apart = 0, largest = 0;
  for (size_t i = 0; i < count; ++i) {
    apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
    largest = fmax(largest, fabs((double)b[i]));
  }
  return apart / largest;
}

/* Rank r has 0 to 3 images; their values are around those of the channel and of the rank. */
static size_t divide(share *shares, int ranks, int channels, float *x, float *dy) {
  unsigned seed = 1;
  size_t count = 0;
  for (int r = 0; r < ranks; ++r) {
    shares[r].images = ranks == 1 ? 3 : (3 * r + 1) % 4;
    const size_t values = (size_t)(shares[r].images * PIXELS * channels);
    for (size_t i = count; i < count + values; ++i) {
      x[i] = 100 * (float)(i % (size_t)channels) + (float)(r % 5) + random_value(&seed);
      dy[i] = random_value(&seed);
    }
    count += values;
  }
  return count;
}

/* Whether a few threads are one batch. Prints a row. */
static bool compare(int ranks, int channels) {
  const size_t most = (size_t)ranks * 3 * PIXELS * (size_t)channels;
  const size_t length = ARRAYS * (size_t)channels;
  simulation all = {.channels = channels};
  share *const shares = allocate((size_t)ranks + 1, sizeof *shares), *const whole = shares + ranks;
  float *const tensors = allocate(8 * most, sizeof *tensors), *const divided = tensors + 6 * most;
  float *const arrays = allocate(((size_t)ranks + 1) * length, sizeof *arrays);
  all.blocks =
      allocate((size_t)ranks * (35 * (size_t)ranks + 3 * (size_t)channels), sizeof(double));
  const size_t count = divide(shares, ranks, channels, tensors, tensors + most);
  size_t place = 0;
  for (int r = 0; r <= ranks; ++r) {
    const int images = r < ranks ? shares[r].images : (int)(count / PIXELS / (size_t)channels);
    float *const results = tensors + (r < ranks ? 2 : 4) * most;
    if (r == ranks) place = 0;
    shares[r] = (share){.all = &all,
                        .rank = r,
                        .ranks = ranks,
                        .images = images,
                        .x = tensors + place,
                        .dy = tensors + most + place,
                        .y = results + place,
                        .dx = results + most + place,
                        .arrays = arrays + (size_t)r * length};
    place += (size_t)images * PIXELS * (size_t)channels;
  }
  bool same = run_ranks(&all, shares, ranks, true);
  const size_t bytes = shares[0].bytes;
  memcpy(divided, tensors + 2 * most, 2 * most * sizeof *divided);
  memcpy(whole->arrays, shares[0].arrays, length * sizeof *arrays);
  same = run_ranks(&all, shares, ranks, false) && same;
  const bool alike = memcmp(divided, tensors + 2 * most, 2 * most * sizeof *divided) == 0 &&
                     memcmp(whole->arrays, shares[0].arrays, length * sizeof *arrays) == 0;
  run_share(whole, NULL);
  const double forward = difference(shares[0].y, whole->y, count);
  const double backward = difference(shares[0].dx, whole->dx, count);
  printf("| %d | %zu | %zu | %s | %s | %.1e | %.1e |\n", ranks, shares[0].bytes, bytes,
         same ? "the same" : "DIFFERENT", alike ? "the same" : "DIFFERENT", forward, backward);
  fflush(stdout);
  free(shares);
  free(tensors);
  free(arrays);
  free(all.blocks);
  return same && alike && forward < 1e-5 && backward < 1e-5;
}

int main(int count, char **arguments) {
  const int most = count > 1 ? atoi(arguments[1]) : 512;
  const int channels = count > 2 ? atoi(arguments[2]) : 64;
  bool right = true;
  setenv("CUBN_THREADS", "1", 1);
  printf(
      "| ranks | bytes that a rank sends | divided | statistics and sums on all | results, divided "
      "| y, from one process's | dx |\n|---|---|---|---|---|---|---|\n");
  for (int ranks = 1; ranks <= most; ranks *= 2) right = compare(ranks, channels) && right;
  merging_report(8 * most, channels);
  return !right;
}
