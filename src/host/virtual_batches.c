/* Virtual batches: every one is a call of its own on a slice of the tensors along dimension 0. Each
 * element is still read once and written once; algorithms know nothing of it. Where calls take
 * longer to launch than to run, a backend may do all but a shorter last one at once. */
#include "host/virtual_batches.h"

#include "core/check.h"
#include "host/joint.h"
#include "host/overlap.h"
#include "host/reserve.h"

/* The tensors of one virtual batch, and where they begin. */
typedef struct part {
  struct cubnTensorStruct tensors[CUBN_ARRAY_COUNT];
  cubn_problem problem;
  cubn_args args;
} part;

static const void *at_bytes(const void *pointer, int64_t bytes) {
  return pointer ? (const char *)pointer + bytes : NULL;
}

/* The slice of an array from sample `first` on. */
static const void *slice(part *to, const cubn_problem *whole, int array, int64_t first,
                         int64_t samples, const void *pointer) {
  const struct cubnTensorStruct *const tensor = whole->descriptors[array];
  if (!tensor) return pointer;
  to->tensors[array] = *tensor;
  to->tensors[array].dims[0] = samples;
  to->problem.descriptors[array] = &to->tensors[array];
  return at_bytes(pointer, first * tensor->strides[0] * (int64_t)cubn_element_bytes(tensor->type));
}

/* Masks have a slice unless they are the same for all samples. */
static void slice_validity(part *to, const cubn_problem *whole, int64_t first, int64_t samples) {
  const struct cubnTensorStruct *const mask = whole->descriptors[CUBN_ARRAY_VALID];
  cubn_args *const args = &to->args;
  if (whole->validity.kind == CUBN_VALID_LENGTHS)
    args->validity = at_bytes(args->validity, first * (int64_t)sizeof(int32_t));
  else if (whole->validity.kind == CUBN_VALID_MASK && mask->dims[0] > 1)
    args->validity = slice(to, whole, CUBN_ARRAY_VALID, first, samples, args->validity);
}

/* The arrays with an entry per channel and virtual batch. */
static void move_saved(cubn_args *args, int64_t bytes) {
  args->saved_mean = cubn_unconst(at_bytes(args->saved_mean, bytes));
  args->saved_inv_std = cubn_unconst(at_bytes(args->saved_inv_std, bytes));
  args->saved_mean_low = cubn_unconst(at_bytes(args->saved_mean_low, bytes));
  args->saved_r = cubn_unconst(at_bytes(args->saved_r, bytes));
  args->saved_d = cubn_unconst(at_bytes(args->saved_d, bytes));
}

/* What follows the first virtual batch starts from what that left. */
static void continue_from_previous(part *to) {
  to->args.previous_running_mean = to->args.running_mean;
  to->args.previous_running_var = to->args.running_var;
  to->args.param_beta = 1;
}

static void describe_part(part *to, const cubn_call *call, int64_t index) {
  const cubn_problem *const whole = &call->problem;
  const bool backward = whole->pass == CUBN_PASS_BACKWARD;
  const int64_t first = index * whole->virtual_batch;
  const int64_t left = whole->descriptors[CUBN_ARRAY_X]->dims[0] - first;
  const int64_t samples = left < whole->virtual_batch ? left : whole->virtual_batch;
  const int64_t saved_bytes = index * (int64_t)cubn_bytes_of(whole->descriptors[CUBN_ARRAY_PARAM]);
  to->problem = *whole;
  to->args = call->args;
  to->problem.virtual_batch = 0;
  cubn_args *const args = &to->args;
  args->x = slice(to, whole, CUBN_ARRAY_X, first, samples, args->x);
  args->output = cubn_unconst(slice(to, whole, CUBN_ARRAY_OUTPUT, first, samples, args->output));
  args->dy = slice(to, whole, CUBN_ARRAY_DY, first, samples, args->dy);
  if (backward)
    args->dz = cubn_unconst(slice(to, whole, CUBN_ARRAY_Z, first, samples, args->dz));
  else
    args->z = slice(to, whole, CUBN_ARRAY_Z, first, samples, args->z);
  slice_validity(to, whole, first, samples);
  move_saved(args, saved_bytes);
  if (args->nonfinite)
    args->nonfinite +=
        saved_bytes / (int64_t)cubn_param_bytes(whole->descriptors[CUBN_ARRAY_X]->type);
  if (backward && args->mean_low) args->mean_low = at_bytes(args->mean_low, saved_bytes);
  if (index > 0) continue_from_previous(to);
}

/* Whether samples follow each other without gaps in all tensors, if none has gaps itself. */
static bool are_consecutive(const cubn_problem *whole) {
  const struct cubnTensorStruct *const x = whole->descriptors[CUBN_ARRAY_X];
  int64_t elements = 1;
  for (int i = 1; i < x->rank; ++i) elements *= x->dims[i];
  for (int a = CUBN_ARRAY_X; a <= CUBN_ARRAY_Z; ++a)
    if (whole->descriptors[a] && whole->descriptors[a]->strides[0] != elements) return false;
  return true;
}

cubnStatus_t cubn_run_virtual_batches(const cubn_call *call) {
  cubn_problem problem = call->problem;
  cubn_args args = call->args;
  CUBN_TRY(cubn_prepare(&problem, &args, call->reserve, call->function));
  const int64_t count = cubn_virtual_batches(&call->problem);
  const size_t reserve_bytes = args.reserve ? cubn_reserve_bytes(&problem) / (size_t)count : 0;
  cubn_batches batches = {.count = 1, .reserve_bytes = (int64_t)reserve_bytes};
  if (are_consecutive(&call->problem))
    batches.count = problem.descriptors[CUBN_ARRAY_X]->dims[0] / problem.virtual_batch;
  for (int64_t i = 0; i < count; i += batches.are_done ? batches.count : 1) {
    part one;
    describe_part(&one, call, i);
    const cubn_reserve_space reserve = {
        cubn_unconst(at_bytes(args.reserve, i * (int64_t)reserve_bytes)), reserve_bytes};
    CUBN_TRY(cubn_execute_batches(call->handle, &one.problem, &one.args, reserve,
                                  i == 0 && batches.count > 1 ? &batches : NULL, call->function));
  }
  return CUBN_STATUS_SUCCESS;
}
