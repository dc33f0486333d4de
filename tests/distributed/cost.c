/* What a synchronized call costs: beside a call without a communicator, an MPI_Allgather of as many
 * bytes, and one after the other, in turns within one run. Every rank has a batch of its own.
 *
 *     mpirun -n 4 cubn-distributed-cost [N C H W [ROUNDS]]
 *
 * A time is that of all ranks of one machine: from when the first begins until the last has made
 * CALLS calls, divided by CALLS. Medians over the rounds. */
#include "cubn_mpi.h"
#include "distributed/program.h"

enum { CALLS = 8, ROUNDS_MAX = 1000, PASSES = 2, KINDS = 4 };
enum { PLAIN, SYNCHRONIZED, GATHER, BOTH };
static const char *const pass_names[PASSES] = {"forward", "backward"};
static const int values_per_channel[PASSES] = {3, 2}; /* docs/DISTRIBUTED.md, "What it costs" */

typedef struct cost {
  int n, c, h, w, rounds, rank, ranks;
  cubnHandle_t handle;
  cubnBatchNormDescriptor_t batch_norms[SYNCHRONIZED + 1];
  cubnTensorDescriptor_t image, param;
  cubnBatchNormTensors_t tensors;
  double *send, *receive;
} cost;

static float *random_array(size_t count, unsigned seed) {
  float *const array = allocate(count, sizeof *array);
  for (size_t i = 0; i < count; ++i) array[i] = random_value(&seed);
  return array;
}

static size_t words(const cost *self, int pass) {
  const size_t count = 8 + (size_t)values_per_channel[pass] * (size_t)self->c;
  return count < 32 ? 32 : count;
}

static void open_cost(cost *self, cubnCommunicator_t communicator) {
  const size_t count = (size_t)self->n * (size_t)self->c * (size_t)self->h * (size_t)self->w;
  const size_t channels = (size_t)self->c;
  const unsigned seed = (unsigned)self->rank + 1;
  check(cubnCreateTensorDescriptor(&self->image));
  check(cubnCreateTensorDescriptor(&self->param));
  check(cubnSetTensor4dDescriptor(self->image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, self->n, self->c,
                                  self->h, self->w));
  check(cubnDeriveBNTensorDescriptor(self->param, self->image, CUBN_BATCHNORM_SPATIAL));
  check(cubnCreateBatchNormDescriptor(&self->batch_norms[PLAIN]));
  check(cubnCreateBatchNormDescriptor(&self->batch_norms[SYNCHRONIZED]));
  check(cubnSetBatchNormCommunicator(self->handle, self->batch_norms[SYNCHRONIZED], communicator,
                                     self->c));
  self->tensors = (cubnBatchNormTensors_t){.x_desc = self->image,
                                           .y_desc = self->image,
                                           .dy_desc = self->image,
                                           .dx_desc = self->image,
                                           .param_desc = self->param,
                                           .x = random_array(count, seed),
                                           .y = random_array(count, seed),
                                           .dy = random_array(count, ~seed),
                                           .dx = random_array(count, seed),
                                           .scale = random_array(channels, 1),
                                           .bias = random_array(channels, 2),
                                           .dscale = random_array(channels, 3),
                                           .dbias = random_array(channels, 4),
                                           .saved_mean = random_array(channels, 5),
                                           .saved_mean_low = random_array(channels, 6),
                                           .saved_inv_std = random_array(channels, 7),
                                           .running_mean = allocate(channels, sizeof(float)),
                                           .running_var = allocate(channels, sizeof(float))};
  self->send = allocate(words(self, 0), sizeof(double));
  self->receive = allocate((size_t)self->ranks * words(self, 0), sizeof(double));
}

static void close_cost(cost *self) {
  const cubnBatchNormTensors_t *const t = &self->tensors;
  void *const arrays[] = {(void *)t->x,     t->y,
                          (void *)t->dy,    t->dx,
                          (void *)t->scale, (void *)t->bias,
                          t->dscale,        t->dbias,
                          t->saved_mean,    t->saved_mean_low,
                          t->saved_inv_std, t->running_mean,
                          t->running_var,   self->send,
                          self->receive};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; ++i) free(arrays[i]);
  check(cubnDestroyBatchNormDescriptor(self->batch_norms[PLAIN]));
  check(cubnDestroyBatchNormDescriptor(self->batch_norms[SYNCHRONIZED]));
  check(cubnDestroyTensorDescriptor(self->image));
  check(cubnDestroyTensorDescriptor(self->param));
}

static void call_cubn(const cost *self, int pass, int kind) {
  if (pass == 0)
    check(cubnBatchNormForward(self->handle, self->batch_norms[kind], &self->tensors));
  else
    check(cubnBatchNormBackward(self->handle, self->batch_norms[kind], &self->tensors));
}

static void gather(const cost *self, int pass) {
  const int count = (int)words(self, pass);
  MPI_Allgather(self->send, count, MPI_DOUBLE, self->receive, count, MPI_DOUBLE, MPI_COMM_WORLD);
}

/* Microseconds of a call, the same on all ranks. */
static double measure(const cost *self, int pass, int kind) {
  double times[2]; /* when it ended, and minus when it began */
  MPI_Barrier(MPI_COMM_WORLD);
  times[1] = -now();
  for (int i = 0; i < CALLS; ++i) {
    if (kind != GATHER) call_cubn(self, pass, kind == SYNCHRONIZED ? SYNCHRONIZED : PLAIN);
    if (kind == GATHER || kind == BOTH) gather(self, pass);
  }
  times[0] = now();
  MPI_Allreduce(MPI_IN_PLACE, times, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return (times[0] + times[1]) * 1e6 / CALLS;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *times, int count) {
  qsort(times, (size_t)count, sizeof *times, compare);
  return times[count / 2];
}

static void report(const cost *self, int pass) {
  static double times[KINDS][ROUNDS_MAX];
  for (int round = -2; round < self->rounds; ++round) /* two to warm up */
    for (int i = 0; i < KINDS; ++i) {
      const int kind = (i + round + 2) % KINDS; /* each comes first in a quarter of the rounds */
      const double time = measure(self, pass, kind);
      if (round >= 0) times[kind][round] = time;
    }
  double medians[KINDS];
  for (int kind = 0; kind < KINDS; ++kind) medians[kind] = median(times[kind], self->rounds);
  if (self->rank == 0)
    printf("| %d | n%dc%dh%dw%d %s | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f | %.3f |\n",
           self->ranks, self->n, self->c, self->h, self->w, pass_names[pass], medians[PLAIN],
           medians[GATHER], medians[BOTH], medians[SYNCHRONIZED],
           medians[SYNCHRONIZED] / (medians[PLAIN] + medians[GATHER]),
           medians[SYNCHRONIZED] / medians[BOTH], medians[SYNCHRONIZED] / medians[PLAIN]);
}

int main(int count, char **arguments) {
  cost self = {.n = 8, .c = 64, .h = 28, .w = 28, .rounds = 201};
  int *const settings[] = {&self.n, &self.c, &self.h, &self.w, &self.rounds};
  cubnCommunicator_t communicator;
  MPI_Init(&count, &arguments);
  MPI_Comm_rank(MPI_COMM_WORLD, &self.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &self.ranks);
  for (int i = 1; i < count && i <= 5; ++i) *settings[i - 1] = atoi(arguments[i]);
  if (self.rounds < 1 || self.rounds > ROUNDS_MAX) self.rounds = ROUNDS_MAX;
  check(cubnCreateOnDevice(&self.handle, "cpu"));
  check(cubnCreateCommunicatorMPI(&communicator, MPI_COMM_WORLD));
  open_cost(&self, communicator);
  if (self.rank == 0)
    printf(
        "| ranks | | plain, us | gather | plain, then gather | synchronized | of plain + gather | "
        "of plain, then gather | of plain |\n|---|---|---|---|---|---|---|---|---|\n");
  for (int pass = 0; pass < PASSES; ++pass) report(&self, pass);
  close_cost(&self);
  check(cubnDestroyCommunicator(communicator));
  check(cubnDestroy(self.handle));
  MPI_Finalize();
  return 0;
}
