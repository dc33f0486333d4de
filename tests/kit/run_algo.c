#include "kit/run_algo.h"

#include "core/refusal.h"

_Static_assert((int)LINE_TRAIN == (int)CUBN_PASS_TRAIN && (int)LINE_INFER == (int)CUBN_PASS_INFER &&
                   (int)LINE_BACKWARD == (int)CUBN_PASS_BACKWARD,
               "lines and the seam number the passes alike");

static cubn_refusal (*wanted_reject)(const cubn_device *device, const cubn_problem *problem);
static cubn_refusal last_refusal;

static cubn_refusal observe(const cubn_device *device, const cubn_problem *problem) {
  last_refusal = wanted_reject(device, problem);
  return last_refusal;
}

void sole_algo_begin(sole_algo *sole, cubnHandle_t handle, int pass, const cubn_algo *algo) {
  *sole = (sole_algo){.handle = handle, .whole = handle->backend, .wanted = algo};
  wanted_reject = algo->reject;
  last_refusal = cubn_accept();
  sole->observed = *algo;
  sole->observed.reject = observe;
  sole->table[0] = &sole->observed;
  sole->narrowed = *sole->whole;
  sole->narrowed.algos[pass] = sole->table;
  handle->backend = &sole->narrowed;
  handle->last_algo = NULL;
}

cubn_refusal sole_algo_end(sole_algo *sole) {
  const cubnHandle_t handle = sole->handle;
  handle->backend = sole->whole;
  if (handle->last_algo == &sole->observed) handle->last_algo = sole->wanted;
  return last_refusal;
}

algo_outcome run_algo(cubnHandle_t handle, const cubn_algo *algo, const line_problem *problem,
                      data_set *before, data_set *after, compare_result *result, char *report,
                      size_t report_bytes) {
  sole_algo sole;
  sole_algo_begin(&sole, handle, problem->pass, algo);
  const bool passed = run_line_keep(handle, problem, before, after, result, report, report_bytes);
  const cubn_refusal refusal = sole_algo_end(&sole);
  if (passed) return ALGO_PASSED;
  if (handle->last_algo || !refusal.text) return ALGO_FAILED;
  cubn_refusal_text(refusal, report, report_bytes);
  return ALGO_REFUSED;
}
