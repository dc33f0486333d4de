/* Runs a problem line through the public API. */
#ifndef CUBN_TESTS_RUN_LINE_H
#define CUBN_TESTS_RUN_LINE_H

#include "kit/compare.h"
#include "kit/run_call.h"

/* Runs the line on the handle with outputs poisoned beforehand and checks everything: the status,
 * every output against the oracle, and that nothing else was touched. On failure `report` says what
 * is wrong, beginning with the line. */
bool run_line(cubnHandle_t handle, const line_problem *problem, char *report, size_t report_bytes);

/* The same for a line of text. */
bool run_text(cubnHandle_t handle, const char *line, char *report, size_t report_bytes);

/* The same, and returns the arrays before and after the call, and the comparison (may be NULL). The
 * caller destroys the sets in any case. */
bool run_line_keep(cubnHandle_t handle, const line_problem *problem, data_set *before,
                   data_set *after, compare_result *result, char *report, size_t report_bytes);

/* Allocates and fills everything that the line's call has. A backward line with an activation makes
 * its forward call for that, on this handle, and checks it. */
bool run_create(cubnHandle_t handle, const line_problem *problem, data_set *set, char *report,
                size_t report_bytes);
/* The last step of run_create, for a set that was created for the line: fills the saved statistics
 * of its x, the reserve space and y of forward. Every channel_step-th channel of the forward call
 * is checked. */
bool run_fill(cubnHandle_t handle, const line_problem *problem, int64_t channel_step, data_set *set,
              char *report, size_t report_bytes);

/* ---- In single steps; the call itself is in run_call.h ---- */
/* Creates buffers and descriptors, with the content of `data` uploaded. On failure everything is
 * released again, and the status of the failed call is returned. */
cubnStatus_t run_open(run_context *run, cubnHandle_t handle, const line_problem *problem,
                      const data_set *data);
cubnStatus_t run_upload(const run_context *run, const data_set *data);
/* `data` must have been made for the same line, for instance by data_copy. */
cubnStatus_t run_download(const run_context *run, data_set *data);
void run_close(run_context *run);

#endif /* CUBN_TESTS_RUN_LINE_H */
