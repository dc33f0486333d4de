#include "suites/support/carry_over.h"

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

void carry_over(const char *line, cubnHandle_t first, cubnHandle_t last, const char *how) {
  line_problem problem;
  data_set before, after;
  run_context run;
  char report[1024] = "";
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  if (!SUITE_CHECK(run_create(first, &problem, &before, report, sizeof report), "%s: %s: %s", line,
                   how, report))
    return;
  CU_ASSERT_FATAL(data_copy(&before, &after));
  if (expect_success(run_open(&run, last, &problem, &before), line)) {
    expect_success(run_call(&run), line);
    expect_success(run_download(&run, &after), line);
    run_close(&run);
    const compare_result result = compare_outputs(&problem, &before, &after, 1);
    compare_describe(&result, report, sizeof report);
    SUITE_CHECK(!result.failures, "%s: %s: %s", line, how, report);
  }
  data_destroy(&before);
  data_destroy(&after);
}
