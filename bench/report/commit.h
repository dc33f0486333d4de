/* The commit of the sources. */
#ifndef CUBN_BENCH_COMMIT_H
#define CUBN_BENCH_COMMIT_H

/* The commit, with the suffix "-dirty" if files differ from it; "unknown" without git. */
const char *bench_commit(void);

#endif /* CUBN_BENCH_COMMIT_H */
