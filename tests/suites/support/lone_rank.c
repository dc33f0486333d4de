#include "suites/support/lone_rank.h"

#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  (void)context;
  (void)stream;
  memcpy(receive, send, count * sizeof *send);
  return 0;
}

static int gather_host(void *context, const double *send, double *receive, size_t count) {
  return gather(context, send, receive, count, NULL);
}

static void refuse(const run_context *run, const char *word) {
  const cubnCommunicatorFunctions_t functions = {.gather = gather, .gather_host = gather_host};
  cubnCommunicator_t communicator = NULL;
  expect_success(cubnCreateCommunicator(&communicator, &functions, NULL, 0, 1), "create");
  expect_success(cubnSetBatchNormCommunicator(run->handle, run->batch_norm, communicator,
                                              line_channels(&run->problem)),
                 "attach");
  expect_error(
      run_extended(run), CUBN_STATUS_NOT_SUPPORTED,
      run->problem.pass == LINE_BACKWARD ? "cubnBatchNormBackward" : "cubnBatchNormForward", word,
      "communicator");
  expect_success(cubnSetBatchNormCommunicator(NULL, run->batch_norm, NULL, 0), "take away");
  expect_success(cubnDestroyCommunicator(communicator), "destroy");
}

void lone_rank_refuse(const char *line, const char *word) {
  line_problem problem;
  data_set before;
  run_context run;
  const char *const error = line_parse(line, &problem);
  if (!SUITE_CHECK(!error, "%s: %s", line, error) ||
      !SUITE_CHECK(data_create(&problem, &before), "%s: no data", line))
    return;
  if (expect_success(run_open(&run, suite_handle(), &problem, &before), line)) {
    refuse(&run, word);
    run_close(&run);
  }
  data_destroy(&before);
}
