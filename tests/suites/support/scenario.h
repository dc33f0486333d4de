/* One call with values that the test writes down: a problem line says which call; the test replaces
 * the generated values that matter, runs the call, and looks at single results. A failed check
 * names the title of the scenario. */
#ifndef CUBN_TESTS_SCENARIO_H
#define CUBN_TESTS_SCENARIO_H

#include "kit/run_line.h"
#include "suites/support/suite.h"

typedef struct scenario {
  const char *title;
  line_problem problem;
  data_set before, after;
  bool has_given_saved; /* backward: the test gave saved statistics */
} scenario;

/* Reads the line and generates its data. Returns false, with a failed check, if that is impossible.
 * Backward lines get the saved statistics of the x that is there when scenario_run is called,
 * unless scenario_set or scenario_fill gave them. */
bool scenario_begin(scenario *scene, const char *title, const char *line);
void scenario_end(scenario *scene);

/* Set the first `count` elements in memory, or all of them. */
void scenario_set(scenario *scene, int array, int count, const double values[]);
void scenario_fill(scenario *scene, int array, double value);

/* Runs the call `times` times in a row on the same memory. Returns whether all calls succeeded and
 * changed nothing but the outputs; the results are in `after` then. */
bool scenario_run(scenario *scene, cubnHandle_t handle, int times);

/* An element of a result, by its offset in memory. DATA_OUTPUT is y or dx, wherever it is. */
double scenario_get(const scenario *scene, int array, int64_t offset);

/* Checks one element, all elements, or everything against the oracle. */
bool scenario_near(const scenario *scene, int array, int64_t offset, double wanted, double allowed);
bool scenario_all(const scenario *scene, int array, double wanted, double allowed);
bool scenario_oracle(const scenario *scene);

/* Begins, runs once and compares with the oracle; for cases without values of their own. */
bool scenario_line(const char *title, const char *line);

/* The error that is allowed for a result of a few operations on numbers of this magnitude: eight
 * roundings of the arithmetic (float at least; statistics, gain, difference, product, sum and the
 * stored parameters are six) and one of the stored type. */
double scenario_slack(cubnDataType_t type, double magnitude);

#endif /* CUBN_TESTS_SCENARIO_H */
