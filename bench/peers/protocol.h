/* What the benchmark says to the processes of its peers: rows/serve.c is one, torch_worker.py
 * another. Each question and each answer is a line; fields of a line are separated by tabs.
 *
 *   (start)         ready TAB name TAB version      or   cannot TAB reason
 *   problem LINE    entries TAB count, then one line per entry:
 *                   implementation TAB algorithm TAB error TAB failed TAB note
 *   time INDEX      seconds of a call of that entry, with flushed caches; negative: it failed
 */
#ifndef CUBN_BENCH_PROTOCOL_H
#define CUBN_BENCH_PROTOCOL_H

#define BENCH_SAYS_READY "ready"
#define BENCH_SAYS_CANNOT "cannot"
#define BENCH_SAYS_ENTRIES "entries"
#define BENCH_ASKS_PROBLEM "problem "
#define BENCH_ASKS_TIME "time "

#endif /* CUBN_BENCH_PROTOCOL_H */
