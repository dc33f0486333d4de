/* Runs backward on another handle than forward. */
#ifndef CUBN_TESTS_CARRY_OVER_H
#define CUBN_TESTS_CARRY_OVER_H

#include "suites/support/suite.h"

/* Runs the line on `last` with what a forward call on `first` left; `how` is for the report. */
void carry_over(const char *line, cubnHandle_t first, cubnHandle_t last, const char *how);

#endif /* CUBN_TESTS_CARRY_OVER_H */
