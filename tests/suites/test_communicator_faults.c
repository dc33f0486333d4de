/* Communicators: a rank that refuses its call, engines that fail, arguments of the functions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/joint_batch.h"
#include "suites/support/wrapped.h"

enum { RANKS = 3, WRONG = 1 }; /* the rank whose call is wrong */

typedef struct fault {
  const char *line; /* of rank WRONG's tensors, if they are others */
  cubnStatus_t status;
  const char *reason; /* a word of the message of all */
  enum { TENSORS, NO_TENSORS, NO_X, NO_LOW, NO_HANDLE, ATTRIBUTE, OTHER_CALL, GAPS } kind;
  cubnBatchNormAttribute_t attribute; /* of ATTRIBUTE */
  double preset;                      /* its value, which is not 1 */
} fault;

#define BAD CUBN_STATUS_BAD_PARAM
#define LINE " nchw f32 n2c5h3w4 relu low"
static const fault faults[] = {
    {NULL, BAD, "tensors is NULL", NO_TENSORS, 0, 0},
    {NULL, BAD, "x is NULL", NO_X, 0, 0},
    {NULL, BAD, "saved_mean_low", NO_LOW, 0, 0},
    {NULL, CUBN_STATUS_NOT_INITIALIZED, "handle is NULL", NO_HANDLE, 0, 0},
    {NULL, BAD, "CUBN_BATCHNORM_EPSILON", ATTRIBUTE, CUBN_BATCHNORM_EPSILON, 1e-5},
    {NULL, BAD, "CUBN_BATCHNORM_VARIANCE", ATTRIBUTE, CUBN_BATCHNORM_VARIANCE, 0},
    {NULL, BAD, "CUBN_BATCHNORM_EPSILON_PLACE", ATTRIBUTE, CUBN_BATCHNORM_EPSILON_PLACE, 0},
    {NULL, BAD, "called", OTHER_CALL, 0, 0},
    {" nchw f32 n2c6h3w4 relu low", BAD, "6 channels", TENSORS, 0, 0},
    {" nchw f64 n2c5h3w4 relu low", BAD, "CUBN_DATA_DOUBLE", TENSORS, 0, 0},
    {NULL, CUBN_STATUS_NOT_SUPPORTED, "gaps", GAPS, 0, 0},
};

typedef struct fault_test {
  const char *pass;
  const fault *fault;
} fault_test;

typedef struct opened {
  data_set before, after;
  run_context run;
  cubnBatchNormTensors_t tensors;
} opened;

static bool open_line(opened *o, cubnHandle_t handle, const char *pass, const char *rest) {
  char line[128], report[256] = "";
  line_problem problem;
  memset(o, 0, sizeof *o);
  snprintf(line, sizeof line, "%s%s", pass, rest);
  const char *const wrong = line_parse(line, &problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong) ||
      !SUITE_CHECK(run_create(handle, &problem, &o->before, report, sizeof report), "%s", report) ||
      !SUITE_CHECK(data_copy(&o->before, &o->after), "no memory") ||
      !expect_success(run_open(&o->run, handle, &problem, &o->before), line))
    return false;
  o->tensors = run_tensors(&o->run);
  return true;
}

static void close_line(opened *o) {
  if (o->run.handle) run_close(&o->run);
  data_destroy(&o->before);
  data_destroy(&o->after);
}

static void check_unwritten(opened *o) {
  expect_success(run_download(&o->run, &o->after), "download");
  for (int i = 0; i < DATA_ARRAYS; ++i)
    if (data_has(&o->before, i))
      SUITE_CHECK(memcmp(o->before.arrays[i].block, o->after.arrays[i].block,
                         o->before.arrays[i].block_bytes) == 0,
                  "%s was written by a failed call", data_array_name(&o->run.problem, i));
}

static cubnStatus_t make_call(bool backward, cubnHandle_t handle, cubnBatchNormDescriptor_t bn,
                              const cubnBatchNormTensors_t *tensors) {
  return backward ? cubnBatchNormBackward(handle, bn, tensors)
                  : cubnBatchNormForward(handle, bn, tensors);
}

/* Ranks that gather on the device have made their calls by the time they learn of the fault: NaN
 * are their results, and the running statistics as they were. */
static void check_spoiled(opened *o) {
  static const int kept[] = {DATA_RUNNING_MEAN, DATA_RUNNING_VAR};
  const bool backward = data_has(&o->after, DATA_DSCALE);
  expect_success(run_download(&o->run, &o->after), "download");
  SUITE_CHECK(isnan(data_get(&o->after.arrays[backward ? DATA_DSCALE : DATA_SAVED_MEAN], 4)),
              "no NaN");
  for (int i = 0; i < 2 && !backward; ++i) {
    const data_array *const was = &o->before.arrays[kept[i]], *const is = &o->after.arrays[kept[i]];
    SUITE_CHECK(memcmp(was->block, is->block, was->block_bytes) == 0, "running statistics");
  }
}

/* In device memory a rank's call fails by its own fault alone, and all others' when they wait.
 * Returns whether the call failed. */
static bool expect_fault(const engine_rank *self, cubnStatus_t status, const fault *f,
                         bool backward) {
  const char *const function = backward ? "cubnBatchNormBackward" : "cubnBatchNormForward";
  const bool differs =
      f->kind == ATTRIBUTE || f->kind == OTHER_CALL || (f->line && strstr(f->line, "f64"));
  const bool at_once = !engine_gathers_on_device() || (self->rank == WRONG && !differs);
  if (at_once)
    expect_error(status, f->status, function, "rank 1", f->reason);
  else if (expect_success(status, "a call before its fault is known"))
    expect_error(cubnSynchronize(self->handle), f->status, "cubnSynchronize", "rank 1", f->reason);
  expect_success(cubnSynchronize(self->handle), "a fault is told once");
  return at_once;
}

/* The wrong call of rank WRONG, the right one of the others. Returns whether the call failed. */
static bool call_wrongly(const engine_rank *self, const opened *good, opened *bad) {
  const fault_test *const test = self->context;
  const fault *const f = test->fault;
  const bool is_wrong = self->rank == WRONG;
  const bool backward = !strcmp(test->pass, "backward") != (is_wrong && f->kind == OTHER_CALL);
  const cubnHandle_t handle = is_wrong && f->kind == NO_HANDLE ? NULL : self->handle;
  const cubnBatchNormDescriptor_t bn = good->run.batch_norm;
  cubnBatchNormTensors_t tensors = is_wrong ? bad->tensors : good->tensors;
  if (is_wrong) {
    if (f->kind == NO_X) tensors.x = NULL;
    if (f->kind == NO_LOW) tensors.saved_mean_low = NULL;
    const int dims[] = {1, 5, 1, 1}, gaps[] = {10, 2, 1, 1};
    if (f->kind == GAPS) cubnSetTensorNdDescriptor(bad->run.params, CUBN_DATA_FLOAT, 4, dims, gaps);
    if (f->kind == ATTRIBUTE) cubnSetBatchNormAttribute(bn, f->attribute, 1);
  }
  const bool has_tensors = !is_wrong || f->kind != NO_TENSORS;
  const cubnStatus_t status = make_call(backward, handle, bn, has_tensors ? &tensors : NULL);
  if (f->kind == ATTRIBUTE) cubnSetBatchNormAttribute(bn, f->attribute, f->preset);
  return expect_fault(self, status, f, backward);
}

static bool attach(const engine_rank *self, const opened *o) {
  return expect_success(
      cubnSetBatchNormCommunicator(self->handle, o->run.batch_norm, self->communicator, 5),
      "attach");
}

/* All ranks return the error, write nothing, and make the next call together. */
static void run_fault(engine_rank *self) {
  const fault_test *const test = self->context;
  const bool backward = strcmp(test->pass, "backward") == 0;
  const char *const other_pass = backward ? "train" : "backward";
  const char *const pass = test->fault->kind == OTHER_CALL ? other_pass : test->pass;
  const char *const other = test->fault->line ? test->fault->line : LINE;
  opened good, bad;
  const bool both = self->rank == WRONG;
  bool opens = open_line(&good, self->handle, test->pass, LINE);
  if (both) opens = open_line(&bad, self->handle, pass, other) && opens;
  if (opens && attach(self, &good)) {
    const bool failed = call_wrongly(self, &good, &bad);
    (failed || both ? check_unwritten : check_spoiled)(&good);
    if (failed && both) check_unwritten(&bad);
    expect_success(make_call(backward, self->handle, good.run.batch_norm, &good.tensors),
                   "the call after a failure");
    expect_success(cubnSynchronize(self->handle), "its work");
  }
  if (both) close_line(&bad);
  close_line(&good);
}

/* Gathering, and with divided channels, where the second collective of a call can fail, too. */
static void run_engine(void (*body)(engine_rank *self), void *context, int fail_at) {
  static engine e;
  for (int way = 0; way < (fail_at ? 3 : 2); ++way) {
    engine_divide(way > 0);
    e = (engine){.fail_at = way == 2 ? fail_at + 1 : fail_at};
    engine_run(&e, RANKS, body, context);
  }
  engine_divide(false);
}

static void test_refusals(void) {
  for (size_t i = 0; i < sizeof faults / sizeof *faults; ++i) {
    run_engine(run_fault, &(fault_test){"train", &faults[i]}, 0);
    run_engine(run_fault, &(fault_test){"backward", &faults[i]}, 0);
  }
}

/* ---- Engines that fail ---- */
static void run_with_error(engine_rank *self) {
  opened o;
  if (open_line(&o, self->handle, "train", LINE) && attach(self, &o)) {
    const bool ends = self->context && self->rank == WRONG;
    if (!ends)
      expect_error(cubnBatchNormForward(self->handle, o.run.batch_norm, &o.tensors),
                   CUBN_STATUS_EXECUTION_FAILED, "cubnBatchNormForward",
                   self->context ? "error 41" : "error 43",
                   self->context ? "a rank has ended" : "an error that the test ordered");
    check_unwritten(&o);
  }
  close_line(&o);
}

static void test_engine_error(void) {
  run_engine(run_with_error, NULL, 2);
}

static void test_missing_rank(void) {
  run_engine(run_with_error, &(int){1}, 0);
}

#ifdef CUBN_TESTS_CUDA
static void test_on_device(void) {
  engine_select(&engine_on_device);
  test_refusals();
  test_engine_error();
  test_missing_rank();
  engine_select(NULL);
}
#endif

/* ---- Calls allocate nothing ---- */
static void run_counted(engine_rank *self) {
  opened o;
  if (open_line(&o, self->handle, self->context, LINE) && attach(self, &o))
    for (int i = 0; i < 3; ++i) { /* in the last one of rank 0 all ranks are in their calls */
      if (self->rank == 0) wrapped_reset();
      const cubnStatus_t status = make_call(strcmp(self->context, "backward") == 0, self->handle,
                                            o.run.batch_norm, &o.tensors);
      const int allocations = wrapped_counts[WRAPPED_ALLOCATIONS];
      if (self->rank == 0 && i == 2) SUITE_CHECK(allocations == 0, "%d allocations", allocations);
      expect_success(status, self->context);
    }
  close_line(&o);
}

static void test_allocations(void) {
  run_engine(run_counted, "train", 0);
  run_engine(run_counted, "backward", 0);
}

void test_communicator_faults_suites(void) {
  static const suite_test tests[] = {{"refusals", test_refusals},
                                     {"an engine's error", test_engine_error},
                                     {"a missing rank", test_missing_rank},
                                     {NULL, NULL}};
  /* The emulator allocates in every launch. */
  static const suite_test cpu_tests[] = {{"allocations", test_allocations}, {NULL, NULL}};
  suite_add("communicator faults", SUITE_DEVICES, tests);
#ifdef CUBN_TESTS_CUDA
  static const suite_test device_tests[] = {{"faults", test_on_device}, {NULL, NULL}};
  suite_add("communicator faults on the device", SUITE_CUDA, device_tests);
#endif
  suite_add("communicator allocations", SUITE_CPU, cpu_tests);
}
