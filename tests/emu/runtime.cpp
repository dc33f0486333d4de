// runtime.cpp - the CUDA runtime API of the emulated device (replaces libcudart at link time)
#include "engine.h"
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#if defined(EMU_ASAN)
#include <sanitizer/asan_interface.h>
#endif
using namespace emu;
namespace {
struct Op { std::function<void()> run; std::function<bool()> ready; unsigned long long seq; };
struct Ev { std::shared_ptr<bool> done = std::make_shared<bool>(true); double t = 0; struct Gr *g = nullptr; };
struct Gr { std::vector<std::function<void()>> ops; };
struct St { std::deque<Op> q; bool blocking = true; Gr *cap = nullptr; bool cap_bad = false, origin = false; };
struct Mem { size_t n; bool dev; };
struct Attr { int dyn = 48 << 10, nonport = 0, carve = -1; };
std::map<char *, Mem> mem; std::map<const void *, Attr> attrs; std::vector<St *> all; St def;
cudaError_t last = cudaSuccess; bool lazy; unsigned long long seqno; size_t live; int capturing;
struct Inj { std::string api; int n; int err; }; std::vector<Inj> inj;
double now_ms;
cudaError_t ret(cudaError_t e) { if (e != cudaSuccess) last = e; return e; }
std::map<std::string, unsigned long long> calls; int device_count = 1;
int inject(const char *f) { ++calls[f]; for (auto it = inj.begin(); it != inj.end(); ++it) if (it->api == f && --it->n == 0) { int e = it->err; inj.erase(it); return e; } return 0; }
#define API(f) do { if (int e_ = inject(#f)) return ret((cudaError_t)e_); } while (0)
#define NOCAP do { if (capturing) { def.cap_bad = true; for (St *s_ : all) s_->cap_bad = s_->cap_bad || s_->cap; return ret(cudaErrorStreamCaptureUnsupported); } } while (0)
St *st(cudaStream_t s) { return (s == nullptr || s == cudaStreamLegacy || s == cudaStreamPerThread) ? &def : reinterpret_cast<St *>(s); }
bool known(St *s) { if (s == &def) return true; for (St *x : all) if (x == s) return true; return false; }
void shade(bool hide) {  // under ASan device memory is addressable only while the device (or a copy) runs
  (void)hide;
#if defined(EMU_ASAN)
  for (auto &m : mem) if (m.second.dev) { if (hide) __asan_poison_memory_region(m.first, m.second.n); else __asan_unpoison_memory_region(m.first, m.second.n); }
#endif
}
struct Open { Open() { shade(false); } ~Open() { shade(true); } };
bool front_ready(St *s) {
  Op &o = s->q.front();
  if (o.ready && !o.ready()) return false;
  if (s == &def) { for (St *x : all) if (x->blocking && !x->q.empty() && x->q.front().seq < o.seq) return false; }
  else if (s->blocking && !def.q.empty() && def.q.front().seq < o.seq) return false;
  return true;
}
bool step() {  // run one op of a randomly chosen ready stream
  std::vector<St *> r; if (!def.q.empty() && front_ready(&def)) r.push_back(&def);
  for (St *x : all) if (!x->q.empty() && front_ready(x)) r.push_back(x);
  if (r.empty()) return false;
  St *s = r[rnd() % r.size()]; Op o = std::move(s->q.front()); s->q.pop_front(); Open g; o.run(); now_ms += 0.001; return true;
}
void drain(St *s) { while (!s->q.empty()) if (!step()) fail("stream-deadlock", "a stream waits for an event that is never recorded"); }
void drain_all() { for (;;) { bool any = !def.q.empty(); for (St *x : all) any |= !x->q.empty(); if (!any) return; if (!step()) fail("stream-deadlock", "streams wait for each other"); } }
cudaError_t put(St *s, std::function<void()> f, std::function<bool()> ready = nullptr) {
  if (!known(s)) return ret(cudaErrorInvalidResourceHandle);
  if (s->cap) { s->cap->ops.push_back(std::move(f)); return cudaSuccess; }
  if (s == &def) NOCAP;
  s->q.push_back({std::move(f), std::move(ready), ++seqno});
  if (!lazy) drain(s); else while (rnd() % 4 == 0 && step()) {}
  return cudaSuccess;
}
std::map<char *, Mem>::iterator find(const void *p) { char *c = (char *)p; auto it = mem.upper_bound(c); if (it == mem.begin()) return mem.end(); --it; return c <= it->first + it->second.n ? it : mem.end(); }
bool range_ok(const void *p, size_t n) { auto it = find(p); return it == mem.end() || (char *)p + n <= it->first + it->second.n; }
void wrote(void *p, size_t n) { (void)p; (void)n;
#if defined(EMU_TRACE)
  auto it = find(p); if (it != mem.end() && it->second.dev) trace_init(p, n);
#endif
}
cudaError_t alloc(void **p, size_t n, bool dev) {
  if (!p) return ret(cudaErrorInvalidValue);
  if (n == 0) { *p = nullptr; return cudaSuccess; }
  void *q = nullptr;
#if defined(EMU_TRACE)
  if (dev) q = trace_malloc(n); else
#endif
  if (posix_memalign(&q, 256, n)) return ret(cudaErrorMemoryAllocation);
  memset(q, 0xff, n); mem[(char *)q] = {n, dev}; live += n; *p = q; shade(true); return cudaSuccess;
}
cudaError_t release(void *p, bool dev) {
  if (!p) return cudaSuccess;
  auto it = mem.find((char *)p); if (it == mem.end() || it->second.dev != dev) return ret(cudaErrorInvalidValue);
  drain_all(); live -= it->second.n;
#if defined(EMU_TRACE)
  if (dev) { trace_free(p, it->second.n); mem.erase(it); return cudaSuccess; }
#endif
#if defined(EMU_ASAN)
  __asan_unpoison_memory_region(p, it->second.n);
#endif
  free(p); mem.erase(it); return cudaSuccess;
}
int occupancy(const void *fn, int thr, size_t dyn) {
  (void)fn; if (thr <= 0 || thr > 1024) return 0;
  int w = (thr + 31) / 32 * 32, a = 2048 / w; size_t sm = g_dev.cc >= 90 ? 228 << 10 : 164 << 10;
  a = std::min(a, 32); a = std::min(a, (int)(sm / (dyn + 1024))); return a;
}
cudaError_t launch(const void *fn, dim3 g, dim3 b, void **args, size_t sm, cudaStream_t s, bool coop, dim3 cl) {
  const KernelRec *k = find_kernel(fn);
  if (!k) { fprintf(stderr, "emu: kernel launched by untyped pointer; pass the function itself\n"); return ret(cudaErrorInvalidDeviceFunction); }
  Attr &a = attrs[fn]; size_t nth = (size_t)b.x * b.y * b.z; unsigned csz = cl.x * cl.y * cl.z;
  if (!g.x || !g.y || !g.z || !nth || nth > 1024 || b.z > 64 || g.y > 65535 || g.z > 65535 || g.x > 0x7fffffffu) return ret(cudaErrorInvalidConfiguration);
  if (sm > (size_t)a.dyn || sm > g_dev.smem_optin) return ret(cudaErrorInvalidValue);
  if (csz > 1 && g_dev.cc < 90) return ret(cudaErrorNotSupported);
  if (csz > 8 && !(a.nonport && csz <= 16)) return ret(cudaErrorInvalidClusterSize);
  if (!csz || g.x % cl.x || g.y % cl.y || g.z % cl.z) return ret(cudaErrorInvalidClusterSize);
  if (coop && (size_t)g.x * g.y * g.z > (size_t)occupancy(fn, (int)nth, sm) * g_dev.sms) return ret(cudaErrorCooperativeLaunchTooLarge);
  auto buf = std::make_shared<std::vector<max_align_t>>(); auto off = std::make_shared<std::vector<size_t>>(); size_t tot = 0;
  for (unsigned i = 0; i < k->nargs; ++i) { tot = (tot + 15) / 16 * 16; off->push_back(tot); tot += k->sizes[i]; }
  if (tot > 4096) return ret(cudaErrorInvalidValue);
  buf->resize(tot / sizeof(max_align_t) + 1);
  for (unsigned i = 0; i < k->nargs; ++i) memcpy((char *)buf->data() + (*off)[i], args[i], k->sizes[i]);
  LaunchCfg c{k, g, b, cl, sm, coop};
  return put(st(s), [=] {
    static char area[8192] __attribute__((aligned(64))); void *p[257];
    for (unsigned i = 0; i < k->nargs; ++i) { memcpy(area + (*off)[i], (char *)buf->data() + (*off)[i], k->sizes[i]); p[i] = area + (*off)[i]; }
    p[k->nargs] = nullptr; execute(c, p); });
}
}  // namespace
extern "C" {
void emu_set_lazy_streams(int l) { drain_all(); lazy = l; }
void emu_set_device(const char *n, int sms) {
  static const struct { const char *name; int cc, kib, l2_mib; } known_devices[] = {{"sm75", 75, 64, 6}, {"sm80", 80, 163, 40}, {"sm86", 86, 99, 6}, {"sm89", 89, 99, 72}, {"sm90", 90, 227, 50}, {"sm100", 100, 227, 126}, {"sm120", 120, 99, 96}};
  for (auto &d : known_devices) if (!strcmp(n, d.name)) { g_dev.cc = d.cc; g_dev.sms = sms; g_dev.smem_optin = (size_t)d.kib << 10; g_dev.l2 = d.l2_mib << 20; return; }
  fail("emulator", "emu_set_device: no device %s", n);
}
void emu_set_device_count(int n) { device_count = n; }
unsigned long long emu_api_calls(const char *api) { return calls[api]; }
void emu_fail_next(const char *api, int nth, int err) { inj.push_back({api, nth, err}); }
unsigned long long emu_live_bytes(void) { return live; }

cudaError_t cudaMalloc(void **p, size_t n) { API(cudaMalloc); NOCAP; return alloc(p, n, true); }
cudaError_t cudaFree(void *p) { API(cudaFree); NOCAP; return release(p, true); }
cudaError_t cudaMallocAsync(void **p, size_t n, cudaStream_t) { API(cudaMallocAsync); return alloc(p, n, true); }
cudaError_t cudaFreeAsync(void *p, cudaStream_t s) { API(cudaFreeAsync); return put(st(s), [p] { (void)p; }); }  // reclaimed at exit
cudaError_t cudaMallocHost(void **p, size_t n) { API(cudaMallocHost); return alloc(p, n, false); }
cudaError_t cudaHostAlloc(void **p, size_t n, unsigned) { API(cudaHostAlloc); return alloc(p, n, false); }
cudaError_t cudaFreeHost(void *p) { API(cudaFreeHost); return release(p, false); }
cudaError_t cudaMemcpyAsync(void *d, const void *s, size_t n, cudaMemcpyKind k, cudaStream_t str) {
  API(cudaMemcpyAsync); if (!n) return cudaSuccess;
  auto id = find(d), is = find(s); bool dd = id != mem.end() && id->second.dev, sd = is != mem.end() && is->second.dev;
  if (!d || !s || !range_ok(d, n) || !range_ok(s, n)) return ret(cudaErrorInvalidValue);
  if (k != cudaMemcpyDefault && (dd != (k == cudaMemcpyHostToDevice || k == cudaMemcpyDeviceToDevice) || sd != (k == cudaMemcpyDeviceToHost || k == cudaMemcpyDeviceToDevice))) return ret(cudaErrorInvalidValue);
  return put(st(str), [=] { memmove(d, s, n); wrote(d, n); });
}
cudaError_t cudaMemcpy(void *d, const void *s, size_t n, cudaMemcpyKind k) { API(cudaMemcpy); NOCAP; cudaError_t e = cudaMemcpyAsync(d, s, n, k, nullptr); if (!e) drain(&def); return e; }
cudaError_t cudaMemsetAsync(void *d, int v, size_t n, cudaStream_t s) { API(cudaMemsetAsync); if (!n) return cudaSuccess; if (!d || find(d) == mem.end() || !range_ok(d, n)) return ret(cudaErrorInvalidValue); return put(st(s), [=] { memset(d, v, n); wrote(d, n); }); }
cudaError_t cudaMemset(void *d, int v, size_t n) { API(cudaMemset); NOCAP; return cudaMemsetAsync(d, v, n, nullptr); }
cudaError_t cudaMemGetInfo(size_t *f, size_t *t) { *t = 1ull << 34; *f = *t - live; return cudaSuccess; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned f) { API(cudaStreamCreateWithFlags); St *x = new St; x->blocking = !(f & cudaStreamNonBlocking); all.push_back(x); *s = reinterpret_cast<cudaStream_t>(x); return cudaSuccess; }
cudaError_t cudaStreamCreate(cudaStream_t *s) { API(cudaStreamCreate); return cudaStreamCreateWithFlags(s, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t s) { St *x = st(s); if (x == &def || !known(x)) return ret(cudaErrorInvalidResourceHandle); drain(x); for (size_t i = 0; i < all.size(); ++i) if (all[i] == x) { all.erase(all.begin() + (long)i); break; } delete x; return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t s) { API(cudaStreamSynchronize); if (!known(st(s))) return ret(cudaErrorInvalidResourceHandle); NOCAP; drain(st(s)); return cudaSuccess; }
cudaError_t cudaStreamQuery(cudaStream_t s) { API(cudaStreamQuery); NOCAP; return st(s)->q.empty() ? cudaSuccess : cudaErrorNotReady; }
cudaError_t cudaDeviceSynchronize(void) { API(cudaDeviceSynchronize); NOCAP; drain_all(); return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned) { API(cudaEventCreateWithFlags); *e = reinterpret_cast<cudaEvent_t>(new Ev); return cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t *e) { API(cudaEventCreate); return cudaEventCreateWithFlags(e, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t e) { delete reinterpret_cast<Ev *>(e); return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  API(cudaEventRecord); Ev *v = reinterpret_cast<Ev *>(e); St *x = st(s);
  if (x->cap) { v->g = x->cap; return cudaSuccess; }
  v->g = nullptr; v->done = std::make_shared<bool>(false); auto d = v->done; return put(x, [=] { *d = true; v->t = now_ms; });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  API(cudaStreamWaitEvent); Ev *v = reinterpret_cast<Ev *>(e); St *x = st(s);
  if (v->g) { if (!x->cap) { x->cap = v->g; } return cudaSuccess; }
  auto d = v->done; return put(x, [] {}, [d] { return *d; });
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) { API(cudaEventSynchronize); NOCAP; auto d = reinterpret_cast<Ev *>(e)->done; while (!*d) if (!step()) fail("stream-deadlock", "event never completes"); return cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t e) { API(cudaEventQuery); NOCAP; return *reinterpret_cast<Ev *>(e)->done ? cudaSuccess : cudaErrorNotReady; }
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t a, cudaEvent_t b) { *ms = (float)(reinterpret_cast<Ev *>(b)->t - reinterpret_cast<Ev *>(a)->t); return cudaSuccess; }

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode) { API(cudaStreamBeginCapture); St *x = st(s); if (x == &def || x->cap) return ret(cudaErrorStreamCaptureUnsupported); x->cap = new Gr; x->cap_bad = false; x->origin = true; ++capturing; return cudaSuccess; }
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g) {
  API(cudaStreamEndCapture); St *x = st(s); if (!x->cap || !x->origin) return ret(cudaErrorIllegalState);
  Gr *c = x->cap; bool bad = x->cap_bad; for (St *y : all) if (y->cap == c) { y->cap = nullptr; y->cap_bad = y->origin = false; }
  --capturing; if (bad) { delete c; *g = nullptr; return ret(cudaErrorStreamCaptureInvalidated); }
  *g = reinterpret_cast<cudaGraph_t>(c); return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus *o) { *o = st(s)->cap ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone; return cudaSuccess; }
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long) { API(cudaGraphInstantiate); *x = reinterpret_cast<cudaGraphExec_t>(new Gr(*reinterpret_cast<Gr *>(g))); return cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s) { API(cudaGraphLaunch); Gr *g = reinterpret_cast<Gr *>(x); return put(st(s), [g] { for (auto &f : g->ops) f(); }); }
cudaError_t cudaGraphDestroy(cudaGraph_t g) { delete reinterpret_cast<Gr *>(g); return cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t g) { drain_all(); delete reinterpret_cast<Gr *>(g); return cudaSuccess; }

cudaError_t cudaGetLastError(void) { cudaError_t e = last; last = cudaSuccess; return e; }
cudaError_t cudaPeekAtLastError(void) { return last; }
const char *cudaGetErrorName(cudaError_t e) { static char b[32]; snprintf(b, sizeof b, "cudaError%d", (int)e); return e ? b : "cudaSuccess"; }
const char *cudaGetErrorString(cudaError_t e) { return e ? "emulated CUDA error" : "no error"; }
cudaError_t cudaGetDeviceCount(int *n) { API(cudaGetDeviceCount); *n = device_count; return device_count ? cudaSuccess : ret(cudaErrorNoDevice); }
cudaError_t cudaGetDevice(int *d) { API(cudaGetDevice); *d = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int d) { API(cudaSetDevice); return d ? ret(cudaErrorInvalidDevice) : cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int *v) { *v = CUDART_VERSION; return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *v) { *v = CUDART_VERSION; return cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr a, int) {
  API(cudaDeviceGetAttribute);
  switch (a) {
    case cudaDevAttrMultiProcessorCount: *v = g_dev.sms; break; case cudaDevAttrComputeCapabilityMajor: *v = g_dev.cc / 10; break;
    case cudaDevAttrComputeCapabilityMinor: *v = g_dev.cc % 10; break; case cudaDevAttrMaxSharedMemoryPerBlockOptin: *v = (int)g_dev.smem_optin; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *v = 48 << 10; break; case cudaDevAttrCooperativeLaunch: *v = 1; break;
    case cudaDevAttrClusterLaunch: *v = g_dev.cc >= 90; break; case cudaDevAttrWarpSize: *v = 32; break; case cudaDevAttrMaxThreadsPerBlock: *v = 1024; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *v = 2048; break; case cudaDevAttrL2CacheSize: *v = g_dev.l2; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *v = (int)(g_dev.smem_optin + 1024); break;
    default: fail("emulator", "cudaDeviceGetAttribute %d is not emulated", (int)a);
  }
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int) {
  API(cudaGetDeviceProperties); memset(p, 0, sizeof *p); snprintf(p->name, sizeof p->name, "emu sm_%d", g_dev.cc); p->major = g_dev.cc / 10; p->minor = g_dev.cc % 10;
  p->multiProcessorCount = g_dev.sms; p->warpSize = 32; p->maxThreadsPerBlock = 1024; p->maxThreadsPerMultiProcessor = 2048; p->sharedMemPerBlock = 48 << 10;
  p->sharedMemPerBlockOptin = g_dev.smem_optin; p->sharedMemPerMultiprocessor = g_dev.smem_optin + 1024; p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->totalGlobalMem = 1ull << 34; p->l2CacheSize = g_dev.l2; p->cooperativeLaunch = 1; p->maxGridSize[0] = 0x7fffffff; p->maxGridSize[1] = p->maxGridSize[2] = 65535; return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void *f, cudaFuncAttribute a, int v) {
  API(cudaFuncSetAttribute);
  if (a == cudaFuncAttributeMaxDynamicSharedMemorySize) { if (v < 0 || (size_t)v > g_dev.smem_optin) return ret(cudaErrorInvalidValue); attrs[f].dyn = v; }
  if (a == cudaFuncAttributeNonPortableClusterSizeAllowed) attrs[f].nonport = v;
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *a, const void *f) { API(cudaFuncGetAttributes); memset(a, 0, sizeof *a); a->maxThreadsPerBlock = 1024; a->numRegs = 32; a->maxDynamicSharedSizeBytes = attrs[f].dyn; a->binaryVersion = a->ptxVersion = g_dev.cc; return cudaSuccess; }
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n, const void *f, int thr, size_t dyn) { API(cudaOccupancyMaxActiveBlocksPerMultiprocessor); *n = occupancy(f, thr, dyn); return cudaSuccess; }
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n, const void *f, int thr, size_t dyn, unsigned) { return cudaOccupancyMaxActiveBlocksPerMultiprocessor(n, f, thr, dyn); }
cudaError_t cudaOccupancyMaxActiveClusters(int *n, const void *, const cudaLaunchConfig_t *) { *n = g_dev.cc >= 90 ? g_dev.sms : 0; return cudaSuccess; }
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *a, const void *p) { memset(a, 0, sizeof *a); auto it = find(p); a->type = it == mem.end() ? cudaMemoryTypeUnregistered : it->second.dev ? cudaMemoryTypeDevice : cudaMemoryTypeHost; a->devicePointer = const_cast<void *>(p); return cudaSuccess; }
cudaError_t cudaLaunchKernel(const void *f, dim3 g, dim3 b, void **a, size_t sm, cudaStream_t s) { API(cudaLaunchKernel); return launch(f, g, b, a, sm, s, false, dim3(1)); }
cudaError_t cudaLaunchCooperativeKernel(const void *f, dim3 g, dim3 b, void **a, size_t sm, cudaStream_t s) { API(cudaLaunchCooperativeKernel); return launch(f, g, b, a, sm, s, true, dim3(1)); }
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *c, const void *f, void **a) {
  API(cudaLaunchKernelExC); bool coop = false; dim3 cl(1);
  for (unsigned i = 0; i < c->numAttrs; ++i) {
    if (c->attrs[i].id == cudaLaunchAttributeCooperative) coop = c->attrs[i].val.cooperative;
    if (c->attrs[i].id == cudaLaunchAttributeClusterDimension) cl = dim3(c->attrs[i].val.clusterDim.x, c->attrs[i].val.clusterDim.y, c->attrs[i].val.clusterDim.z);
  }
  return launch(f, c->gridDim, c->blockDim, a, c->dynamicSmemBytes, c->stream, coop, cl);
}
}  // extern "C"
