#include "measure/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number of images to generate. The problem repeats them; their number divides the batch, so
 * that their mean and variance are those of the whole batch. Those with padding differ. */
static int64_t images_to_generate(const line_problem *problem, int64_t elements_max) {
  const int64_t batch = problem->dims[0];
  const int64_t elements = line_elements(problem);
  if (elements <= elements_max || line_has_padding(problem)) return batch;
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor)
    if (problem->layout[tensor][0] && problem->layout[tensor][0] != 'n') return batch;
  int64_t images = 1;
  for (int64_t divisor = 1; divisor <= batch; ++divisor)
    if (batch % divisor == 0 && elements / batch * divisor <= elements_max) images = divisor;
  return images;
}

/* Extends the array of the first images to that of the whole batch. */
static bool repeat_array(data_array *array, int64_t extent, int64_t period) {
  const size_t element_bytes = data_type_bytes(array->type);
  data_array whole = *array;
  whole.extent = extent;
  whole.block_bytes += (size_t)(extent - array->extent) * element_bytes;
  whole.block = malloc(whole.block_bytes);
  if (!whole.block) return false;
  memset(whole.block, 0xff, whole.block_bytes);
  for (int64_t at = 0; at < extent; at += period) {
    const int64_t left = extent - at;
    const int64_t count = left < array->extent ? left : array->extent;
    memcpy((unsigned char *)data_elements(&whole) + (size_t)at * element_bytes,
           data_elements(array), (size_t)count * element_bytes);
  }
  free(array->block);
  *array = whole;
  return true;
}

/* Creates all inputs. What backward takes from a forward call is missing if that has to be made. */
static bool create_inputs(const line_problem *problem, int64_t elements_max, data_set *set) {
  const int64_t images = images_to_generate(problem, elements_max);
  line_problem first = *problem;
  first.dims[0] = images; /* with the same strides: the batch is the slowest dimension */
  if (!data_create(&first, set)) return false;
  if (!line_needs_forward(problem)) oracle_fill_saved(&first, set);
  if (images == problem->dims[0]) return true;
  bool good = !data_has(set, DATA_RESERVE) || data_resize(problem, DATA_RESERVE, set);
  for (int array = 0; array < DATA_TENSORS && good; ++array) {
    const int tensor = data_line_tensor(array);
    if (data_has(set, array))
      good = repeat_array(&set->arrays[array], line_extent(problem, tensor),
                          images * problem->strides[tensor][0]);
  }
  if (!good) data_destroy(set);
  return good;
}

/* Returns NULL, or what failed. */
static const char *create_data(cubnHandle_t handle, const line_problem *problem,
                               int64_t elements_max, int64_t channel_step, data_set *set) {
  static char report[512];
  if (!create_inputs(problem, elements_max, set)) return "no host memory for the data";
  if (!line_needs_forward(problem) ||
      run_fill(handle, problem, channel_step, set, report, sizeof report))
    return NULL;
  data_destroy(set);
  return report;
}

static int64_t choose_channel_step(const line_problem *problem, int64_t elements_max) {
  const int64_t channels = line_channels(problem);
  int64_t sample = elements_max / (line_values_per_channel(problem) + 1);
  if (line_elements(problem) <= elements_max || sample >= channels) return 1;
  if (sample < 2) return channels > 1 ? channels - 1 : 1;
  /* An odd step, so that the sample contains all positions in a vector. */
  const int64_t step = (channels + sample - 1) / sample | 1;
  return step < channels ? step : channels - 1;
}

const char *bench_case_open(cubnHandle_t handle, const line_problem *problem,
                            int64_t verify_elements, bench_case *bench) {
  *bench = (bench_case){.problem = *problem};
  line_format(problem, bench->text, sizeof bench->text);
  bench->channel_step = choose_channel_step(problem, verify_elements);
  bench->restores = problem->in_place || problem->in_place_x || problem->in_place_z ||
                    problem->in_place_zx || problem->beta != 0 || problem->param_beta != 0;
  const char *const wrong =
      create_data(handle, problem, verify_elements, bench->channel_step, &bench->before);
  if (wrong) return wrong;
  if (!data_copy(&bench->before, &bench->after)) {
    data_destroy(&bench->before);
    return "no host memory for the results";
  }
  const cubnStatus_t status = run_open(&bench->run, handle, problem, &bench->before);
  if (status == CUBN_STATUS_SUCCESS) return NULL;
  data_destroy(&bench->before);
  data_destroy(&bench->after);
  return cubnGetErrorString(status);
}

void bench_case_close(bench_case *bench) {
  run_close(&bench->run);
  data_destroy(&bench->before);
  data_destroy(&bench->after);
}

const char *bench_case_verify(bench_case *bench, compare_result *result) {
  static char message[256];
  cubnStatus_t status = run_call(&bench->run);
  if (status == CUBN_STATUS_SUCCESS) status = cubnSynchronize(bench->run.handle);
  if (status == CUBN_STATUS_SUCCESS) status = run_download(&bench->run, &bench->after);
  if (status != CUBN_STATUS_SUCCESS) {
    cubnGetLastErrorString(message, sizeof message);
    return message;
  }
  *result = bench_case_compare(bench);
  return NULL;
}

compare_result bench_case_compare(const bench_case *bench) {
  return compare_outputs(&bench->problem, &bench->before, &bench->after, bench->channel_step);
}

bool bench_case_restore(bench_case *bench) {
  return run_upload(&bench->run, &bench->before) == CUBN_STATUS_SUCCESS;
}

void bench_case_describe_sample(const bench_case *bench, char *text, size_t text_bytes) {
  const int64_t channels = line_channels(&bench->problem);
  const int64_t checked = (channels + bench->channel_step - 1) / bench->channel_step;
  if (checked == channels)
    snprintf(text, text_bytes, "all");
  else
    snprintf(text, text_bytes, "%lld of %lld channels", (long long)checked, (long long)channels);
}
