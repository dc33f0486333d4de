/* The only file that is compiled again for each commit (bench.mk). */
#include "report/commit.h"

const char *bench_commit(void) {
  return CUBN_COMMIT;
}
