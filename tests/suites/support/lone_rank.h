/* A communicator of one rank, for what a descriptor with a communicator refuses. */
#ifndef CUBN_TESTS_LONE_RANK_H
#define CUBN_TESTS_LONE_RANK_H

/* Makes the call of the line with a communicator, and expects NOT_SUPPORTED, with this word in the
 * message. */
void lone_rank_refuse(const char *line, const char *word);

#endif /* CUBN_TESTS_LONE_RANK_H */
