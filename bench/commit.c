/* Compiled anew with each commit (bench.mk); all else is not. */
#include "commit.h"

const char *bench_commit(void) {
  return CUBN_COMMIT;
}
