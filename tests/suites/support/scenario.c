#include "suites/support/scenario.h"

#include <math.h>
#include <stdio.h>

bool scenario_begin(scenario *scene, const char *title, const char *line) {
  *scene = (scenario){.title = title};
  const char *wrong = line_parse(line, &scene->problem);
  if (!SUITE_CHECK(!wrong, "%s: \"%s\": %s", title, line, wrong)) return false;
  return SUITE_CHECK(data_create(&scene->problem, &scene->before), "%s: \"%s\": no data", title,
                     line);
}

void scenario_end(scenario *scene) {
  data_destroy(&scene->before);
  data_destroy(&scene->after);
}

/* An input that the test replaces. */
static data_array *replaced(scenario *scene, int array) {
  if (array == DATA_SAVED_MEAN || array == DATA_SAVED_INV_STD) scene->has_given_saved = true;
  data_set *set = &scene->before;
  data_array *to = &set->arrays[array == DATA_OUTPUT ? set->output : array];
  CU_ASSERT_FATAL(to->block != NULL);
  return to;
}

void scenario_set(scenario *scene, int array, int count, const double values[]) {
  data_array *to = replaced(scene, array);
  CU_ASSERT_FATAL(count <= to->extent);
  for (int i = 0; i < count; ++i) data_set_value(to, i, values[i]);
}

void scenario_fill(scenario *scene, int array, double value) {
  data_array *to = replaced(scene, array);
  for (int64_t i = 0; i < to->extent; ++i) data_set_value(to, i, value);
}

static bool succeeded(const scenario *scene, const char *step, cubnStatus_t status) {
  char message[512];
  cubnGetLastErrorString(message, sizeof message);
  return SUITE_CHECK(status == CUBN_STATUS_SUCCESS, "%s: %s: %s: %s", scene->title, step,
                     cubnGetErrorString(status), message);
}

bool scenario_run(scenario *scene, cubnHandle_t handle, int times) {
  const line_problem *problem = &scene->problem;
  char report[512] = "";
  if (!scene->has_given_saved &&
      !SUITE_CHECK(run_fill(handle, problem, 1, &scene->before, report, sizeof report), "%s: %s",
                   scene->title, report))
    return false;
  data_destroy(&scene->after);
  if (!SUITE_CHECK(data_copy(&scene->before, &scene->after), "%s: no memory", scene->title))
    return false;
  run_context run;
  if (!succeeded(scene, "open", run_open(&run, handle, problem, &scene->before))) return false;
  bool good = true;
  for (int i = 0; i < times && good; ++i) good = succeeded(scene, "call", run_call(&run));
  good = good && succeeded(scene, "download", run_download(&run, &scene->after));
  run_close(&run);
  if (!good) return false;
  return SUITE_CHECK(
      compare_untouched(problem, &scene->before, &scene->after, report, sizeof report), "%s: %s",
      scene->title, report);
}

double scenario_get(const scenario *scene, int array, int64_t offset) {
  const int place = array == DATA_OUTPUT ? scene->after.output : array;
  return data_get(&scene->after.arrays[place], offset);
}

/* Whether the values agree: equal infinities do, and NaN agrees with NaN. */
static bool is_near(double got, double wanted, double allowed) {
  if (isnan(wanted)) return isnan(got);
  return got == wanted || fabs(got - wanted) <= allowed;
}

bool scenario_near(const scenario *scene, int array, int64_t offset, double wanted,
                   double allowed) {
  const double got = scenario_get(scene, array, offset);
  return SUITE_CHECK(is_near(got, wanted, allowed), "%s: %s[%lld] is %.9g, wanted %.9g within %.3g",
                     scene->title, data_array_name(&scene->problem, array), (long long)offset, got,
                     wanted, allowed);
}

bool scenario_all(const scenario *scene, int array, double wanted, double allowed) {
  const int place = array == DATA_OUTPUT ? scene->after.output : array;
  bool good = true;
  for (int64_t i = 0; i < scene->after.arrays[place].extent && good; ++i)
    good = scenario_near(scene, array, i, wanted, allowed);
  return good;
}

bool scenario_oracle(const scenario *scene) {
  const compare_result result = compare_outputs(&scene->problem, &scene->before, &scene->after, 1);
  char report[256] = "";
  compare_describe(&result, report, sizeof report);
  return SUITE_CHECK(result.failures == 0, "%s: %s", scene->title, report);
}

bool scenario_line(const char *title, const char *line) {
  char report[512] = "";
  return SUITE_CHECK(run_text(suite_handle(), line, report, sizeof report), "%s: %s", title,
                     report);
}

double scenario_slack(cubnDataType_t type, double magnitude) {
  const double arithmetic = type == CUBN_DATA_DOUBLE ? 0x1p-53 : 0x1p-24;
  const double storage = type == CUBN_DATA_FLOAT ? 0.0 : data_roundoff(type);
  return (8.0 * arithmetic + storage) * fabs(magnitude);
}
