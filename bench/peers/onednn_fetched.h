/* The oneDNN that scripts/onednn.sh fetches. */
#ifndef CUBN_BENCH_PEER_ONEDNN_FETCHED_H
#define CUBN_BENCH_PEER_ONEDNN_FETCHED_H

/* If ONEDNN_LIB names no oneDNN, the linker finds none, and .deps/onednn in a folder above the
 * program has one: starts the program anew, with the environment that this one needs. Call it
 * before anything is opened. */
void bench_find_fetched_onednn(char **argv);

#endif /* CUBN_BENCH_PEER_ONEDNN_FETCHED_H */
