/* C99 test driver: links with the emulator (plain, ASan+UBSan, trace) - or with real libcudart on a GPU machine (-DREAL). */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "selftest_kernels.h"
#ifndef REAL
#include "control.h"
#else
static void emu_set_seed(unsigned s) { (void)s; }
#endif
#define CK(x) do { cudaError_t e_ = (x); if (e_ != cudaSuccess) { printf("  %s:%d %s -> %d (%s)\n", __FILE__, __LINE__, #x, (int)e_, cudaGetErrorString(e_)); _exit(3); } } while (0)
#define WANT(c) do { if (!(c)) { printf("  %s:%d WRONG: %s\n", __FILE__, __LINE__, #c); fflush(stdout); _exit(2); } } while (0)
static unsigned short f2h(float f) { /* only exact small values are used */
  unsigned u; memcpy(&u, &f, 4); unsigned s = u >> 31 << 15; int e = (int)(u >> 23 & 255) - 127; if (!(u & 0x7fffffff)) return (unsigned short)s;
  return (unsigned short)(s | (unsigned)(e + 15) << 10 | (u >> 13 & 1023));
}
static unsigned short f2b(float f) { unsigned u; memcpy(&u, &f, 4); return (unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16); }
static float h2f(unsigned short h) { int e = h >> 10 & 31; float m = (float)(h & 1023) / 1024; float v = e ? ldexpf(1 + m, e - 15) : ldexpf(m, -14); return h & 0x8000 ? -v : v; }
static float b2f(unsigned short b) { unsigned u = (unsigned)b << 16; float f; memcpy(&f, &u, 4); return f; }
static void *up(const void *h, size_t n) { void *d; CK(cudaMalloc(&d, n)); if (h) CK(cudaMemcpy(d, h, n, cudaMemcpyHostToDevice)); return d; }
static void down(void *h, const void *d, size_t n) { CK(cudaDeviceSynchronize()); CK(cudaMemcpy(h, d, n, cudaMemcpyDeviceToHost)); }

static void t_block(int type) {
  int n = 1003, i; float out[4], *x = malloc(4 * n); unsigned short *h = malloc(2 * n); double s = 0;
  for (i = 0; i < n; ++i) { x[i] = (float)(i % 5 - 2) * 0.25f; h[i] = type == T_F16 ? f2h(x[i]) : f2b(x[i]); s += x[i]; }
  void *dx = type == T_F32 ? up(x, 4 * n) : up(h, 2 * n); float *d = up(NULL, 16);
  CK(k_block_sum(type, dx, d, n, 0)); down(out, d, 16); WANT(fabs(out[0] + out[1] + out[2] + out[3] - s) < 1e-3); CK(cudaFree(dx)); CK(cudaFree(d));
}
static void t_two(int n) {
  int i; float r, *x = malloc(4 * n + 4); double s = 0; for (i = 0; i < n; ++i) { x[i] = (float)(i % 7); s += x[i]; }
  float *dx = up(x, 4 * n), *p = up(NULL, 64 * 4), *o = up(NULL, 4);
  CK(k_two_stage(dx, p, o, n, 64, 64, 0)); down(&r, o, 4); WANT(r == (float)s);
}
static void t_last(int fence) {
  int n = 5000, i; float r, *x = malloc(4 * n); double s = 0; unsigned zero = 0; for (i = 0; i < n; ++i) { x[i] = (float)(i % 7); s += x[i]; }
  float *dx = up(x, 4 * n), *p = up(NULL, 32), *o = up(NULL, 4); unsigned *c = up(&zero, 4);
  for (i = 0; i < 2; ++i) { CK(k_last_block(dx, p, c, o, n, 8, fence, 0)); down(&r, o, 4); WANT(r == (float)s); }
}
static void t_grid(int coop) {
  int n = 3000, i; float *x = malloc(4 * n), *y = malloc(4 * n); double s = 0; for (i = 0; i < n; ++i) { x[i] = (float)(i % 7); s += x[i]; }
  float *dx = up(x, 4 * n), *dy = up(NULL, 4 * n), *p = up(NULL, 32);
  CK(k_grid_norm(dx, dy, p, n, 8, coop, 0)); down(y, dy, 4 * n); for (i = 0; i < n; ++i) WANT(fabsf(y[i] - x[i] / (float)s) < 1e-9f);
}
static void t_cluster(int endsync) {
  int cl = 3, cs = 4, n = 700, i, j; float *x = malloc(4 * n * cl), out[12]; for (i = 0; i < n * cl; ++i) x[i] = (float)(i % 11);
  float *dx = up(x, 4 * n * cl), *o = up(NULL, 48);
  CK(k_cluster_sum(dx, o, n, cl, cs, endsync, 0)); down(out, o, 48);
  for (j = 0; j < 12; ++j) { double s = 0; for (i = 0; i < n; ++i) s += x[j / cs * n + i]; WANT(out[j] == (float)s); }
}
static void t_sync(int good) {
  int n = 600, i, *x = malloc(4 * n), *y = malloc(4 * n); for (i = 0; i < n; ++i) x[i] = i + 1;
  int *dx = up(x, 4 * n), *dy = up(NULL, 4 * n); CK(k_bad_sync(dx, dy, n, good, 0)); down(y, dy, 4 * n);
  for (i = 0; i < n; ++i) { int j = i / 256 * 256 + 255 - i % 256; WANT(y[i] == (j < n ? j + 1 : 0)); }
}
static void t_oob(int over) { int n = 1000; float *x = calloc(n, 4), *dx = up(x, 4 * n), *dy = up(NULL, 4 * n); CK(k_oob(dx, dy, n, over, 0)); CK(cudaDeviceSynchronize()); }
static void t_div(int mode) { float y[64], *d = up(NULL, 256); CK(k_divergent(d, mode, 0)); down(y, d, 256); }
static void t_misc(int what) {
  float y[64], *d = up(NULL, 257 * 4), *hx = calloc(64, 4); CK(k_misc(what, d, hx, 0)); down(y, d, 256);
  for (int t = 0; t < 64; ++t) {
    if (what == 0) WANT(!isnan(y[t]));
    if (what == 4 || what == 5) WANT(y[t] == (float)((t & 31) < 16 ? 2 * t + 16 : t));
    if (what == 10) WANT(y[t] == 2016 + 64);
    if (what == 7) { float v = (float)(t / 8 * 64 + 28); v += (float)((t & 15) ? t - 1 : t) + (float)(t / 8 * 8 + 3) + (t < 16 ? (float)(t ^ 1) : 0); WANT(y[t] == v); }
  }
}
static void t_hostderef(int x) { float *d = up(NULL, 64); (void)x; volatile float *v = d; float f = *v; (void)f; }
static void t_uninit(int x) { float *d = up(NULL, 256), *y = up(NULL, 1028), h[64]; (void)x; CK(k_misc(2, y, d, 0)); down(h, y, 256); WANT(!isnan(h[3])); }
static void bn(int type, int N, int C, int HW, int mis, int time_it) {
  size_t n = (size_t)N * C * HW, i, es = type == T_F32 ? 4 : 2; char *x = malloc(n * es + 64); float *g = malloc(4 * C), *b = malloc(4 * C), *xf = malloc(4 * n);
  for (i = 0; i < n; ++i) { float v = (float)((i * 2654435761u >> 7) % 65) / 16 - 2; xf[i] = v; if (es == 4) memcpy(x + 4 * i, &v, 4); else { unsigned short h = type == T_F16 ? f2h(v) : f2b(v); memcpy(x + 2 * i, &h, 2); } }
  for (i = 0; i < (size_t)C; ++i) { g[i] = 1 + 0.5f * (float)i; b[i] = (float)i; }
  char *dx0 = up(NULL, n * es + mis * es), *dx = dx0 + mis * es, *dy = up(NULL, n * es); float *dg = up(g, 4 * C), *db = up(b, 4 * C), *dm = up(NULL, 4 * C), *di = up(NULL, 4 * C);
  CK(cudaMemcpy(dx, x, n * es, cudaMemcpyHostToDevice));
  struct timespec a, z; clock_gettime(CLOCK_MONOTONIC, &a);
  CK(k_bn_fwd(type, dx, dy, dg, db, dm, di, N, C, HW, 1e-5f, 0)); CK(cudaDeviceSynchronize()); clock_gettime(CLOCK_MONOTONIC, &z);
  char *y = malloc(n * es); down(y, dy, n * es);
  for (int c = 0; c < C; ++c) {
    double s = 0, q = 0; size_t k; for (int m = 0; m < N; ++m) for (k = 0; k < (size_t)HW; ++k) { float v = xf[((size_t)m * C + c) * HW + k]; s += v; q += (double)v * v; }
    double mu = s / ((double)N * HW), is = 1 / sqrt(q / ((double)N * HW) - mu * mu + 1e-5);
    for (int m = 0; m < N; ++m) for (k = 0; k < (size_t)HW; ++k) {
      size_t j = ((size_t)m * C + c) * HW + k; unsigned short h; float v; if (es == 4) memcpy(&v, y + 4 * j, 4); else { memcpy(&h, y + 2 * j, 2); v = type == T_F16 ? h2f(h) : b2f(h); }
      double w = (xf[j] - mu) * is * g[c] + b[c]; WANT(fabs(v - w) <= (type == T_F32 ? 1e-4 : type == T_F16 ? 2e-3 : 2e-2) * (1 + fabs(w)));
    }
  }
#ifndef REAL
  if (time_it) {
    emu_launch_counts k; emu_get_launch(emu_launch_count() - 1, &k); double dt = (double)(z.tv_sec - a.tv_sec) + 1e-9 * (double)(z.tv_nsec - a.tv_nsec);
    printf("  bn type %d N%d C%d HW%d: %.2f Melem/s (%.3f s), switches %llu, warp ops %llu, ns/switch %.1f\n", type, N, C, HW, (double)n / dt / 1e6, dt, k.fiber_switches, k.warp_operations, dt * 1e9 / (double)k.fiber_switches);
    if (k.read_bytes) printf("    bytes: rd %llu (= %.3f x tensor) wr %llu (%.3f), distinct rd %llu wr %llu, sectors rd %llu wr %llu, atomics %llu, shared rd %llu wr %llu\n", k.read_bytes, (double)k.read_bytes / (double)(n * es), k.written_bytes, (double)k.written_bytes / (double)(n * es), k.distinct_read_bytes, k.distinct_written_bytes, k.read_sectors, k.written_sectors, k.atomic_bytes, k.shared_read_bytes, k.shared_written_bytes);
  }
#else
  (void)time_it;
#endif
}
static void t_bn(int i) { static const int hw[] = {1, 7, 49, 64, 196, 1021}; int t, j; for (t = 0; t < 3; ++t) for (j = 0; j < 6; ++j) bn(t, 3, 2, hw[j], i, 0); }
#ifndef REAL
static void t_limits(int x) {
  (void)x; float *d = up(NULL, 4096); struct cudaFuncAttributes fa; (void)fa;
  WANT(k_two_stage(d, d, d, 1, 1, 2048, 0) == cudaErrorInvalidConfiguration);      /* > 1024 threads */
  WANT(k_grid_norm(d, d, d, 10, 100000, 1, 0) == cudaErrorCooperativeLaunchTooLarge);
  WANT(k_cluster_sum(d, d, 10, 1, 16, 1, 0) == cudaErrorInvalidClusterSize);
  emu_set_device("sm80", 4); WANT(k_cluster_sum(d, d, 10, 1, 2, 1, 0) == cudaErrorNotSupported); emu_set_device("sm90", 4);
  WANT(cudaGetLastError() == cudaErrorNotSupported && cudaGetLastError() == cudaSuccess);
  void *p; emu_fail_next("cudaMalloc", 2, cudaErrorMemoryAllocation); CK(cudaMalloc(&p, 4)); WANT(cudaMalloc(&p, 4) == cudaErrorMemoryAllocation); CK(cudaMalloc(&p, 4));
  emu_fail_next("cudaLaunchKernelExC", 1, cudaErrorLaunchFailure); WANT(k_divergent(d, 0, 0) == cudaErrorLaunchFailure);
  WANT(cudaMemcpy(d, p, 8192, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
}
static void t_graph(int lazy) {
  emu_set_lazy_streams(lazy); int n = 5000, i; float r = 0, *x = malloc(4 * n); double s = 0; for (i = 0; i < n; ++i) { x[i] = 1; s += 1; }
  float *dx = up(x, 4 * n), *p = up(NULL, 64 * 4), *o = up(NULL, 4); cudaStream_t st; cudaGraph_t g; cudaGraphExec_t ge; enum cudaStreamCaptureStatus cs;
  CK(cudaStreamCreate(&st)); CK(cudaStreamBeginCapture(st, cudaStreamCaptureModeGlobal)); CK(k_two_stage(dx, p, o, n, 64, 64, st));
  CK(cudaStreamIsCapturing(st, &cs)); WANT(cs == cudaStreamCaptureStatusActive); CK(cudaStreamEndCapture(st, &g)); CK(cudaGraphInstantiate(&ge, g, 0));
  for (int k = 2; k < 4; ++k) { for (i = 0; i < n; ++i) x[i] = (float)k; CK(cudaMemcpy(dx, x, 4 * n, cudaMemcpyHostToDevice)); CK(cudaGraphLaunch(ge, st)); CK(cudaMemcpyAsync(&r, o, 4, cudaMemcpyDeviceToHost, st)); CK(cudaStreamSynchronize(st)); WANT(r == (float)(k * s)); }
  CK(cudaStreamBeginCapture(st, cudaStreamCaptureModeGlobal)); WANT(cudaMalloc((void **)&p, 4) == cudaErrorStreamCaptureUnsupported); WANT(cudaStreamEndCapture(st, &g) == cudaErrorStreamCaptureInvalidated);
}
static void t_stream(int right) { /* two non-blocking streams; right: event between them */
  int n = 5000, i; float r = 0, *x = malloc(4 * n); for (i = 0; i < n; ++i) x[i] = 1;
  float *dx = up(NULL, 4 * n), *p = up(NULL, 64 * 4), *o = up(NULL, 4); cudaStream_t a, b; cudaEvent_t e;
  CK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking)); CK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking)); CK(cudaEventCreate(&e));
  CK(cudaMemset(dx, 0, 4 * n)); CK(cudaDeviceSynchronize()); emu_set_lazy_streams(1);
  CK(cudaMemcpyAsync(dx, x, 4 * n, cudaMemcpyHostToDevice, a));
  if (right) { CK(cudaEventRecord(e, a)); CK(cudaStreamWaitEvent(b, e, 0)); }
  CK(k_two_stage(dx, p, o, n, 64, 64, b)); CK(cudaMemcpyAsync(&r, o, 4, cudaMemcpyDeviceToHost, b)); CK(cudaStreamSynchronize(b)); WANT(r == (float)n);
}
#endif
static int nfail, npass;
/* run f(arg) in a child for seeds 1..nseed; want NULL: must pass on all; else text that must appear; ALL: on every seed, ANY: on one at least */
static void run(const char *name, void (*f)(int), int arg, const char *want, int nseed) {
  int hit = 0, bad = 0; char first[2000] = "";
  for (int s = 1; s <= nseed; ++s) {
    int fd[2]; if (pipe(fd)) exit(9); fflush(stdout);
    pid_t p = fork(); if (!p) { dup2(fd[1], 1); dup2(fd[1], 2); close(fd[0]); close(fd[1]); emu_set_seed((unsigned)s); f(arg); fflush(stdout); _exit(0); }
    close(fd[1]); char buf[60000]; size_t k = 0; ssize_t r; while ((r = read(fd[0], buf + k, sizeof buf - 1 - k)) > 0) k += (size_t)r; buf[k] = 0; close(fd[0]);
    int st; waitpid(p, &st, 0); int ok = WIFEXITED(st) && WEXITSTATUS(st) == 0;
    int h = want ? (!ok && strstr(buf, want) != NULL) : ok; hit += h; if (!h) ++bad;
    if ((want && h && !*first) || (!want && !h && !*first)) { const char *q = strstr(buf, "EMU-ERROR"); if (!q) q = strstr(buf, "ERROR: AddressSanitizer"); if (!q) q = strstr(buf, "runtime error"); if (!q) q = buf; snprintf(first, sizeof first, "%.*s", (int)strcspn(q, want ? "\n" : ""), q); }
    if (want && !h && !ok && getenv("V")) printf("   seed %d other failure: %.600s\n", s, buf);
  }
  int pass = want ? hit > 0 : bad == 0; pass ? ++npass : ++nfail;
  printf("%s %-34s %s%s %d/%d seeds\n", pass ? "ok  " : "FAIL", name, want ? "must report " : "must pass", want ? want : "", hit, nseed);
  if (*first) printf("       %.300s\n", first);
}
int main(int argc, char **argv) {
#ifndef REAL
  if (argc > 2 && !strcmp(argv[1], "bench")) { int t, s = atoi(argv[2]); emu_set_seed((unsigned)s); for (t = 0; t < 3; ++t) bn(t, 8, 4, 12544, 0, 1); bn(T_F32, 32, 64, 49, 0, 1); return 0; }
#endif
  (void)argc; (void)argv;
  const int S = getenv("SEEDS") ? atoi(getenv("SEEDS")) : 10; int i; char nm[64];
  const char *tn[] = {"f32", "f16", "bf16"};
  for (i = 0; i < 3; ++i) { snprintf(nm, sizeof nm, "1 block shuffle sum %s", tn[i]); run(nm, t_block, i, NULL, S); }
  run("2 two-stage, dynamic smem", t_two, 10000, NULL, S); run("2 two-stage, n=1", t_two, 1, NULL, S); run("2b last-block pattern", t_last, 1, NULL, S);
  run("3 cooperative grid.sync", t_grid, 1, NULL, S); run("4 cluster + DSMEM", t_cluster, 1, NULL, S);
  run("6 copy in bounds (cudaLaunchKernel)", t_oob, 0, NULL, S); run("5 barrier present", t_sync, 1, NULL, S); run("8 bn fwd aligned", t_bn, 0, NULL, S < 5 ? S : 5); run("8 bn fwd misaligned x+1", t_bn, 1, NULL, S < 5 ? S : 5);
  run("m syncwarp right", t_misc, 5, NULL, S); run("m tiles, partial masks", t_misc, 7, NULL, S);
#ifndef REAL
  run("a graph eager", t_graph, 0, NULL, S); run("a graph lazy", t_graph, 1, NULL, S); run("a two streams + event, lazy", t_stream, 1, NULL, S);
  run("a limits, injected failures", t_limits, 0, NULL, 1);
  run("a two streams, event missing", t_stream, 0, "WRONG", 20);
  run("3 grid.sync, not cooperative", t_grid, 0, "[grid-sync]", S);
#if defined(EMU_SELFTEST_TRACE)
  const char *race = "EMU-ERROR", *oob = "[out-of-bounds]", *uni = "[uninitialised]", *hd = "[host-deref]";
  run("2b last-block without fence", t_last, 0, race, S); run("m global write-write race", t_misc, 6, race, S); run("m kernel reads host memory", t_misc, 2, "[foreign-memory]", S);
  run("m misaligned float4", t_misc, 3, "misaligned", S); run("m uninitialised shared", t_misc, 0, uni, S); run("m uninitialised global", t_uninit, 0, uni, S);
#elif defined(EMU_SELFTEST_ASAN)
  const char *race = "WRONG", *oob = "AddressSanitizer", *hd = "AddressSanitizer";
  run("m uninitialised shared (NaN)", t_misc, 0, "WRONG", S); run("m uninitialised global (NaN)", t_uninit, 0, "WRONG", S);
  run("6 out-of-bounds shared array, UBSan", t_misc, 1, "out of bounds", S); run("m misaligned float4", t_misc, 3, "misaligned", 1); run("m shift UB", t_misc, 8, "shift exponent", 1);
#else
  const char *race = "WRONG", *oob = NULL, *hd = NULL;
#endif
  run("5 missing __syncthreads", t_sync, 0, race, 20); run("5b scratch reused without barrier", t_misc, 10, race, 20); run("m missing __syncwarp", t_misc, 4, race, 20);
  if (oob) { run("4 cluster without last sync", t_cluster, 0, oob, 20); run("6 out-of-bounds global read", t_oob, 1, oob, S); run("6 out-of-bounds shared write", t_misc, 9, oob, S); }
  if (hd) run("m host dereferences device ptr", t_hostderef, 0, hd, 1);
  run("7a half the block at a barrier", t_div, 0, "EMU-ERROR", S); run("7b two different barriers", t_div, 1, "[divergent-barrier]", S);
  run("7c early return before barrier", t_div, 2, "[exited-before-barrier]", S); run("7d half a warp in full shuffle", t_div, 3, "[deadlock]", S);
  run("7e full mask, 16 lanes absent", t_div, 4, "[deadlock]", S);
#endif
  printf("%d passed, %d failed\n", npass, nfail); return nfail != 0;
}
