// Synchronized calls whose ranks gather in device memory: a rank's block, and what is merged from
// the blocks of all, by the source of the host (core/blocks.h). A thread has a channel.
#include <cuda_runtime.h>
#include <math.h>

#include <cstdint>

#include "core/check.h"
#include "core/joint_task.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"

namespace cubn {
namespace {

constexpr int JOINT_THREADS = 256;

__device__ int64_t own_channel() {
  return static_cast<int64_t>(blockIdx.x) * JOINT_THREADS + threadIdx.x;
}

// Where a channel is in an array of parameters.
__device__ int64_t place_of(const cubn_joint_task &task, int64_t channel) {
  int64_t place = 0;
  for (int d = task.rank - 1; d > 0; --d) {
    place += channel % task.dims[d] * task.strides[d];
    channel /= task.dims[d];
  }
  return place;
}

// The index'th array of the exchange.
template <class Real>
__device__ Real *array_of(const cubn_joint_task &task, int index) {
  return static_cast<Real *>(task.arrays) + index * task.channels;
}

template <class Real>
__device__ double load(const void *array, int64_t place) {
  return static_cast<double>(static_cast<const Real *>(array)[place]);
}

// Nothing is stored in an array that is NULL.
template <class Real>
__device__ void store(void *array, int64_t place, double value) {
  if (array) static_cast<Real *>(array)[place] = static_cast<Real>(value);
}

// How many blocks a rank sends.
__host__ __device__ int parts_of(const cubn_joint_task &task) {
  return task.own_part ? task.blocks.count : 1;
}

// ---- Before the gather

// The block for rank blockIdx.x, where channels are divided.
__global__ void __launch_bounds__(CUBN_BLOCK_WORDS_MIN)
    refuse_kernel(const cubn_refused_block refused, double *send, size_t words) {
  send[blockIdx.x * words + threadIdx.x] = refused.words[threadIdx.x];
}

template <class Real>
__global__ void __launch_bounds__(JOINT_THREADS) write_block_kernel(const cubn_joint_task task) {
  const int64_t c = own_channel(), part = task.blocks.channels;
  for (int64_t r = c; r < parts_of(task); r += static_cast<int64_t>(gridDim.x) * JOINT_THREADS)
    *reinterpret_cast<cubn_share *>(task.send + r * task.blocks.words) = task.own;
  if (c >= task.channels) return;
  double *const values = task.send + c / part * task.blocks.words + CUBN_SHARE_WORDS + c % part;
  const int64_t place = place_of(task, c);
  if (task.own.call == CUBN_FORWARD) {
    values[0] = load<Real>(array_of<Real>(task, CUBN_MEAN), place);
    values[part] = load<Real>(array_of<Real>(task, CUBN_LOW), place);
    values[2 * part] =
        cubn_share_m2(task.own.count, load<Real>(array_of<Real>(task, CUBN_VAR), place),
                      load<Real>(array_of<Real>(task, CUBN_INV_STD), place));
  } else {
    values[0] = load<Real>(array_of<Real>(task, CUBN_DSCALE), place);
    values[part] = load<Real>(array_of<Real>(task, CUBN_DBIAS), place);
  }
}

// ---- Between the collectives of divided channels

// If a rank refuses, what is merged is read by nobody.
__global__ void __launch_bounds__(JOINT_THREADS) merge_part_kernel(const cubn_joint_task task) {
  const int64_t c = own_channel();
  if (c < task.own_channels)
    cubn_merge_channel(&task.blocks, task.own.call == CUBN_FORWARD, c, task.own_part);
}

// ---- After the last one

// With their total, if that is read.
__device__ cubn_blocks blocks_of(const cubn_joint_task &task) {
  cubn_blocks blocks = task.blocks;
  if (blocks.merged) blocks.total = cubn_merge_counts(&blocks);
  return blocks;
}

// The first fault stays until the host has read it.
__device__ void note_fault(const cubn_joint_task &task, int rank) {
  if (task.fault->call != 0) return;
  task.fault->rank = rank;
  for (int i = 0; i < CUBN_BLOCK_WORDS_MIN; ++i) {
    const double *const block = cubn_block_of(&task.blocks, rank);
    const bool has_share = block[0] == 0;  // Only then does the first block count.
    task.fault->blocks[0][i] = has_share && i < CUBN_SHARE_WORDS ? task.blocks.first[i] : 0;
    task.fault->blocks[1][i] = has_share && i >= CUBN_SHARE_WORDS ? 0 : block[i];
  }
  task.fault->call = task.own.call;
}

template <class Real>
__device__ void set_statistics(const cubn_joint_task &task, int64_t place, double mean, double low,
                               double inv_std) {
  const cubn_args &args = task.args;
  store<Real>(array_of<Real>(task, CUBN_MEAN), place, mean);
  store<Real>(array_of<Real>(task, CUBN_LOW), place, low);
  store<Real>(array_of<Real>(task, CUBN_INV_STD), place, inv_std);
  store<Real>(args.saved_mean, place, mean);
  store<Real>(args.saved_mean_low, place, low);
  store<Real>(args.saved_inv_std, place, inv_std);
}

template <class Real>
__device__ void update_running(const cubn_joint_task &task, int64_t place,
                               const cubn_moments &all) {
  const cubn_args &args = task.args;
  const double factor = args.factor_pointer ? load<Real>(args.factor_pointer, 0) : args.factor;
  double mean = 0, var = 0;
  if (factor != 1) {
    mean = load<Real>(args.previous_running_mean, place);
    var = load<Real>(args.previous_running_var, place);
  }
  cubn_update_running(&all, factor, task.running_is_biased, &mean, &var);
  store<Real>(args.running_mean, place, mean);
  store<Real>(args.running_var, place, var);
}

template <class Real>
__global__ void __launch_bounds__(JOINT_THREADS)
    merge_statistics_kernel(const cubn_joint_task task) {
  const int64_t c = own_channel();
  if (c >= task.channels) return;
  const int64_t place = place_of(task, c);
  const int fault = cubn_find_fault(&task.blocks);
  if (fault >= 0) {
    if (c == 0) note_fault(task, fault);
    const double nan = static_cast<double>(NAN);
    set_statistics<Real>(task, place, nan, nan, nan);
    return;
  }
  const cubn_blocks blocks = blocks_of(task);
  const cubn_moments all = cubn_all_moments(&blocks, c);
  cubn_normalizer by = task.args.normalizer;
  by.growth = cubn_variance_growth(task.own.variance != 0, all.count);
  const cubn_statistics statistics =
      cubn_finish_statistics(&all, &by, sizeof(Real) == sizeof(float));
  set_statistics<Real>(task, place, statistics.mean, statistics.low, statistics.inv_std);
  if (task.has_running) update_running<Real>(task, place, all);
}

// The gradient of a parameter from its sum, as a parameter of this type holds that.
template <class Real>
__device__ void store_gradient(const cubn_joint_task &task, void *gradient, int64_t place,
                               Real sum) {
  const double alpha = task.args.param_alpha, beta = task.args.param_beta;
  if (!gradient) return;
  const double prior = beta != 0 ? load<Real>(gradient, place) : 0;
  store<Real>(gradient, place, cubn_blend_gradient(alpha, static_cast<double>(sum), beta, prior));
}

template <class Real>
__global__ void __launch_bounds__(JOINT_THREADS) merge_sums_kernel(const cubn_joint_task task) {
  const int64_t c = own_channel();
  if (c >= task.channels) return;
  const int64_t place = place_of(task, c);
  const int fault = cubn_find_fault(&task.blocks);
  if (fault >= 0 && c == 0) note_fault(task, fault);
  const double count = fault >= 0 ? 0 : cubn_merge_counts(&task.blocks);
  for (int a = CUBN_DSCALE; a <= CUBN_DBIAS; ++a) {
    const double sum = fault >= 0 ? static_cast<double>(NAN) : cubn_all_sum(&task.blocks, a, c);
    Real own = array_of<Real>(task, a)[place];
    if (fault >= 0 || task.sums_are_joint) own = static_cast<Real>(sum);
    double average = count > 0 ? sum / count : sum;
    if (a == CUBN_DSCALE) average *= cubn_variance_growth(task.own.variance != 0, count);
    store<Real>(array_of<Real>(task, CUBN_ALL_DSCALE + a), place, average);
    store_gradient<Real>(task, a == CUBN_DSCALE ? task.args.dscale : task.args.dbias, place, own);
  }
}

int64_t blocks_for(const cubn_joint_task &task) {
  return ceil_div(task.channels, JOINT_THREADS);
}

template <class Real>
cubnStatus_t write_block(const cubn_device *device, const cubn_joint_task &task) {
  return launch<write_block_kernel<Real>>(device, blocks_for(task), JOINT_THREADS, 0, task);
}

template <class Real>
cubnStatus_t merge_blocks(const cubn_device *device, const cubn_joint_task &task) {
  return task.own.call == CUBN_FORWARD
             ? launch<merge_statistics_kernel<Real>>(device, blocks_for(task), JOINT_THREADS, 0,
                                                     task)
             : launch<merge_sums_kernel<Real>>(device, blocks_for(task), JOINT_THREADS, 0, task);
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_cuda_write_block(cubn_device *device, const cubn_joint_task *task,
                                   const cubn_refused_block *refused) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  if (refused)
    return cubn::launch<cubn::refuse_kernel>(device, cubn::parts_of(*task), CUBN_BLOCK_WORDS_MIN, 0,
                                             *refused, task->send, task->blocks.words);
  return task->is_float ? cubn::write_block<float>(device, *task)
                        : cubn::write_block<double>(device, *task);
}

cubnStatus_t cubn_cuda_merge_part(cubn_device *device, const cubn_joint_task *task) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const int64_t blocks = cubn::ceil_div(task->own_channels, cubn::JOINT_THREADS);
  if (blocks == 0) return CUBN_STATUS_SUCCESS;
  return cubn::launch<cubn::merge_part_kernel>(device, blocks, cubn::JOINT_THREADS, 0, *task);
}

cubnStatus_t cubn_cuda_merge_blocks(cubn_device *device, const cubn_joint_task *task) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return task->is_float ? cubn::merge_blocks<float>(device, *task)
                        : cubn::merge_blocks<double>(device, *task);
}
