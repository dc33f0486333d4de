#include "suites/support/virtual_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/expect_error.h"

static bool open_call(const char *pass, const char *line, const char *words, data_set *data,
                      run_context *run) {
  char text[256], report[512] = "";
  line_problem p;
  snprintf(text, sizeof text, "%s %s %s", pass, line, words);
  const char *const wrong = line_parse(text, &p);
  return SUITE_CHECK(!wrong, "%s: %s", text, wrong) &&
         SUITE_CHECK(run_create(suite_handle(), &p, data, report, sizeof report), "%s: %s", text,
                     report) &&
         expect_success(run_open(run, suite_handle(), &p, data), text);
}

bool virtual_set_samples(const virtual_pair *p, int64_t samples) {
  return expect_success(cubnSetBatchNormAttribute(p->forward.batch_norm,
                                                  CUBN_BATCHNORM_VIRTUAL_BATCH, (double)samples),
                        "set") &&
         expect_success(cubnSetBatchNormAttribute(p->backward.batch_norm,
                                                  CUBN_BATCHNORM_VIRTUAL_BATCH, (double)samples),
                        "set");
}

bool virtual_open(virtual_pair *p, const virtual_line *line, int64_t samples) {
  memset(p, 0, sizeof *p);
  p->samples = samples;
  if (!open_call("train", line->both, line->forward, &p->forward_data, &p->forward) ||
      !open_call("backward", line->both, line->backward, &p->backward_data, &p->backward) ||
      !virtual_set_samples(p, samples))
    return false;
  size_t param_bytes = 0;
  expect_success(cubnGetTensorSizeInBytes(p->forward.params, &param_bytes), "size");
  for (int i = 0; i < 3; ++i) p->bytes[i] = param_bytes * VIRTUAL_BATCHES_MAX;
  p->bytes[4] = p->bytes[0] / data_type_bytes(line_param_type(&p->forward.problem)) * 4;
  expect_success(
      cubnGetBatchNormReserveSize(p->forward.batch_norm, p->forward.tensors[LINE_X], &p->bytes[3]),
      "reserve size");
  for (int i = 0; i < VIRTUAL_EXTRAS; ++i)
    if (!expect_success(cubnCreateBuffer(suite_handle(), p->bytes[i] + 16, &p->extra[i]),
                        "buffer") ||
        !expect_success(cubnFillBuffer(p->extra[i], 0xff), "fill") ||
        !expect_success(cubnGetBufferPointer(p->extra[i], &p->at[i]), "pointer"))
      return false;
  return true;
}

void virtual_close(virtual_pair *p) {
  for (int i = 0; i < VIRTUAL_EXTRAS; ++i) {
    if (p->extra[i]) expect_success(cubnDestroyBuffer(p->extra[i]), "destroy");
    free(p->results[i]);
  }
  run_close(&p->forward);
  run_close(&p->backward);
  data_destroy(&p->forward_data);
  data_destroy(&p->backward_data);
}

cubnBatchNormTensors_t virtual_forward(const virtual_pair *p) {
  cubnBatchNormTensors_t t = run_tensors(&p->forward);
  t.saved_mean = p->at[0];
  t.saved_mean_low = p->at[1];
  t.saved_inv_std = p->at[2];
  t.reserve = p->bytes[3] ? p->at[3] : NULL;
  t.reserve_bytes = p->bytes[3];
  t.nonfinite = p->at[4];
  return t;
}

cubnBatchNormTensors_t virtual_backward(const virtual_pair *p) {
  const cubnBatchNormTensors_t from = virtual_forward(p);
  cubnBatchNormTensors_t t = run_tensors(&p->backward);
  t.x = from.x;
  t.scale = from.scale;
  t.bias = from.bias;
  t.saved_mean = from.saved_mean;
  t.saved_mean_low = from.reserve ? NULL : from.saved_mean_low;
  t.saved_inv_std = from.saved_inv_std;
  if (p->backward.problem.no_saved) t.saved_mean = t.saved_inv_std = t.saved_mean_low = NULL;
  t.reserve = from.reserve;
  t.reserve_bytes = from.reserve_bytes;
  return t;
}

bool virtual_run(const virtual_pair *p) {
  const cubnBatchNormTensors_t forward = virtual_forward(p), backward = virtual_backward(p);
  return expect_success(cubnBatchNormForward(suite_handle(), p->forward.batch_norm, &forward),
                        "forward") &&
         expect_success(cubnBatchNormBackward(suite_handle(), p->backward.batch_norm, &backward),
                        "backward");
}
