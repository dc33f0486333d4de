/* Decides, in one place, whether a call is taken over, and keeps count. */
#include "cudnn/call.h"

#include <stdatomic.h>

#include "core/check.h"
#include "core/log.h"
#include "cudnn/handles.h"

typedef struct call_counts {
  atomic_ullong taken, passed_on;
} call_counts;

static call_counts counts[CUDNN_TAKEN_COUNT];

cudnn_call cudnn_call_of(cudnn_function function, cudnnHandle_t handle, cubnBatchNormMode_t mode,
                         cubnBatchNormOps_t ops, const cudnnTensorDescriptor_t x_desc,
                         const cudnnActivationDescriptor_t activation_desc, int group_count) {
  return (cudnn_call){.function = function,
                      .cudnn_handle = handle,
                      .mode = mode,
                      .ops = ops,
                      .x_desc = x_desc,
                      .activation_desc = activation_desc,
                      .group_count = group_count};
}

/* NULL, or why the call is passed on. */
static const char *refuse(cudnn_call *call) {
  if (!call->cudnn_handle) return "the handle is NULL";
  if ((unsigned)call->mode > CUBN_BATCHNORM_SPATIAL_PERSISTENT) return "unknown mode";
  if ((unsigned)call->ops > CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION) return "unknown ops";
  if (call->group_count != 1) return "there are groups";
  call->x = cudnn_translate_tensor(CUDNN_SLOT_X, call->x_desc);
  if (!call->x) return "x has no type or shape that cubn knows";
  call->activation = NULL;
  if (call->ops != CUBN_BATCHNORM_OPS_BN) {
    call->activation = cudnn_translate_activation(call->activation_desc);
    if (!call->activation) return "the activation is none that cubn knows";
  }
  call->handle = cudnn_cubn_handle(call->cudnn_handle);
  return call->handle ? NULL : "cubn cannot use the device";
}

bool cudnn_take(cudnn_call *call) {
  const char *reason = refuse(call);
  call_counts *count = &counts[call->function];
  atomic_fetch_add_explicit(reason ? &count->passed_on : &count->taken, 1, memory_order_relaxed);
  cubn_log(reason ? NULL : call->handle, CUBN_SEV_INFO, CUBN_STATUS_SUCCESS,
           "cudnn drop-in: %s %s%s", cudnn_function_name(call->function),
           reason ? "passed on: " : "taken over", reason ? reason : "");
  return !reason;
}

cubnStatus_t cudnn_set_stream(const cudnn_call *call) {
  __typeof__(&cudnnGetStream) get = CUDNN_REAL(CUDNN_GET_STREAM, cudnnGetStream);
  cubnStream_t stream, own;
  if (!get) return cudnn_lacks(CUDNN_GET_STREAM);
  CUBN_TRY(get(call->cudnn_handle, &stream));
  CUBN_TRY(cubnGetStream(call->handle, &own));
  return own == stream ? CUBN_STATUS_SUCCESS : cubnSetStream(call->handle, stream);
}

cubnStatus_t cudnn_lacks(cudnn_function function) {
  cubn_log(NULL, CUBN_SEV_ERROR, CUBN_STATUS_NOT_SUPPORTED,
           "cudnn drop-in: no loaded library has %s", cudnn_function_name(function));
  return CUBN_STATUS_NOT_SUPPORTED;
}

/* At the end of the program: what was taken over. Silent in programs without cuDNN. */
__attribute__((destructor)) static void report(void) {
  if (!cubn_log_wants(CUBN_SEV_INFO)) return;
  unsigned long long taken = 0, passed_on = 0;
  for (int i = 0; i < CUDNN_TAKEN_COUNT; ++i) {
    taken += counts[i].taken;
    passed_on += counts[i].passed_on;
  }
  if (taken + passed_on == 0 && !cudnn_is_loaded()) return;
  for (int i = 0; i < CUDNN_TAKEN_COUNT; ++i)
    if (counts[i].taken + counts[i].passed_on > 0)
      cubn_log(NULL, CUBN_SEV_INFO, CUBN_STATUS_SUCCESS,
               "cudnn drop-in: %s: %llu calls taken over, %llu passed on",
               cudnn_function_name((cudnn_function)i), counts[i].taken, counts[i].passed_on);
  cubn_log(NULL, CUBN_SEV_INFO, CUBN_STATUS_SUCCESS,
           "cudnn drop-in: %llu calls taken over, %llu passed on", taken, passed_on);
}
