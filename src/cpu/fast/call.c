/* Calls of the fast algorithms: what is decided once per call, and which problems are refused. */
#include "cpu/fast/call.h"

#include "core/refusal.h"
#include "cpu/common/arith.h"
#include "cpu/fast/epilogue.h"

bool cubn_needs_epilogue(const cubn_problem *problem) {
  return cubn_is_fused(problem) || problem->blends || problem->is_frozen;
}

/* Decides what depends on whether the tensors, of so many values each, fit in the caches. */
static void set_sizes(cubn_call *call, int64_t values) {
  const cubn_machine *machine = &call->device->machine;
  const cubn_problem *problem = call->problem;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const int tensors = (backward ? 3 : 2) + (problem->adds && (!backward || problem->has_dz));
  const int64_t bytes = values * call->element_bytes * tensors;
  call->fits_l2 = bytes <= machine->l2_bytes;
  call->prefetches = bytes > machine->llc_bytes / 8;
  call->nontemporal = problem->has_output && bytes > machine->llc_bytes / 8 * 3;
}

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args) {
  const cubn_machine *machine = &device->machine;
  const int64_t values = cubn_count(problem) * problem->c;
  cubn_call call = {.device = device, .problem = problem, .args = args};
  call.kernels = cubn_machine_kernels(machine, problem->type);
  call.type = cubn_conversion_of(problem->type);
  call.param_type = cubn_conversion_of_param(problem->type);
  call.element_bytes = (int64_t)cubn_element_bytes(problem->type);
  call.needs = cubn_needs_of(problem, args);
  call.sums = problem->pass == CUBN_PASS_TRAIN ? 2 : call.needs.sums ? 3 : 0;
  call.writes = problem->has_output || problem->has_dz;
  call.threads = cubn_min(cubn_threads_for(device, values), machine->threads);
  set_sizes(&call, values);
  call.has_epilogue = cubn_needs_epilogue(problem);
  if (call.has_epilogue) cubn_epilogue_begin(&call);
  return call;
}

void cubn_call_set_places(cubn_call *call, const cubn_places *places) {
  call->places = places;
  if (!places) return;
  if (cubn_has_spans(call)) set_sizes(call, places->spans.samples * call->problem->c);
  call->spread = cubn_spread_arrays(call->problem);
}

const cubn_call *cubn_call_of_worker(const cubn_call *call, int64_t worker, cubn_call *own) {
  if (!call->places) return call;
  *own = *call;
  own->stage = call->device->stages + worker * (int64_t)CUBN_STAGE_BYTES;
  return own;
}

/* Shorter spans are not worth non-temporal stores. */
enum { NONTEMPORAL_SPAN_MIN = 128 };

cubn_call cubn_call_of_spans(const cubn_call *call) {
  cubn_call span = *call;
  const cubn_spans *spans = &call->places->spans;
  span.places = NULL;
  span.nontemporal = call->nontemporal && spans->valid >= spans->count * NONTEMPORAL_SPAN_MIN;
  return span;
}

cubn_call cubn_call_of_moments(const cubn_call *call) {
  cubn_call moments = *call;
  moments.sums = 2;
  return moments;
}

static cubn_refusal refuse_type(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return cubn_refuse("this build has no vector kernels for double (CPU_TYPES lacks f64)");
    case CUBN_DATA_FLOAT:
      return cubn_refuse("this build has no vector kernels for float (CPU_TYPES lacks f32)");
    case CUBN_DATA_HALF:
      return cubn_refuse("this build has no vector kernels for half (CPU_TYPES lacks f16)");
    case CUBN_DATA_BFLOAT16:
      return cubn_refuse("this build has no vector kernels for bfloat16 (CPU_TYPES lacks bf16)");
    case CUBN_DATA_INT8:
      break;
  }
  return cubn_refuse("there are no vector kernels for int8");
}

cubn_refusal cubn_fast_reject(const cubn_device *device, const cubn_problem *problem) {
  if (!cubn_machine_kernels(&device->machine, problem->type)) return refuse_type(problem->type);
  if (cubn_inverts(problem)) return cubn_refuse_inverse();
  return cubn_count(problem) == 0 ? cubn_refuse_empty() : cubn_accept();
}
