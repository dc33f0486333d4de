/* How long a rank is busy merging: one thread calls with a communicator that stands for all. */
#ifndef CUBN_TESTS_DISTRIBUTED_MERGING_H
#define CUBN_TESTS_DISTRIBUTED_MERGING_H

/* Prints a table, up to `most` ranks. */
void merging_report(int most, int channels);

#endif /* CUBN_TESTS_DISTRIBUTED_MERGING_H */
