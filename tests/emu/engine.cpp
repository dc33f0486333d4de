// engine.cpp - fiber engine and checkers.  Compile WITHOUT sanitizer instrumentation, link with it.
// -DEMU_ASAN: kernels are built with -fsanitize=address;  -DEMU_TRACE: kernels are built with
// -fsanitize=thread and this file supplies the __tsan_* callbacks (do not link libtsan).
#include "engine.h"
#include <cxxabi.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <deque>
#if defined(EMU_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define ASAN(x) x
#else
#define ASAN(x)
#endif
#if defined(EMU_TRACE)
#define TRACE(x) x
#else
#define TRACE(x)
#endif

uint3 threadIdx, blockIdx; dim3 blockDim, gridDim;
namespace emu {
using std::vector;
static dim3 &g_bdim = ::blockDim, &g_gdim = ::gridDim;
struct Site { const char *f; int l; bool operator==(const Site &o) const { return l == o.l && (f == o.f || !strcmp(f, o.f)); } };
struct Block; struct Launch;
struct Thread : Ctx {
  void *sp, *fake; char *stk; Block *blk;
  unsigned lin, lane, warp, gid; uint8_t st;  // st: 0 runnable, 1 at a barrier, 2 in a warp op, 3 done
  Site site; const char *what;
  unsigned wmask, wop, wsize; int wsrc; unsigned char win[16], wout[16]; BarRes res;
  unsigned clk, seen[32];                     // warp vector clock since the last block barrier
};
struct Warp { unsigned exist, alive, waiting; Thread *lane[32]; };
struct Bar { unsigned arrived = 0, cnt = 0; Site site{}; vector<Thread *> w; };
struct BlkInfo { unsigned B = 1, gridB = 0, clB = 0, cluster = 0; vector<unsigned> fences, atoms; };
struct Cluster { Bar bar; unsigned alive, total; vector<Block *> blk; };
struct Block {
  unsigned idx, rank, alive, total; uint3 id; char *arena; Cluster *cl; Bar bar; BlkInfo *info;
  vector<Thread *> th; vector<Warp> warps; vector<bool> touched;
};
struct Var { const void *key; size_t off, size; };
struct Launch {
  const KernelRec *k; const char *name; dim3 cdim; bool coop, clustered; unsigned nth, nblk, alive = 0; size_t dyn;
  vector<Var> vars; size_t arena_top = 0, smem_used = 0; Bar grid; vector<BlkInfo> info; vector<Block *> res;
};
static vector<emu_launch_counts> launches; static Ctx *cur; DeviceCfg g_dev; emu_launch_counts g_cnt;
static Launch *L; static void *main_sp; static unsigned g_seed = 1, g_policy, g_window = 4, g_seq, g_starve;
static uint64_t rng_s = 1;
static std::deque<Thread *> runq; static vector<char *> stacks, arenas;
static bool strict_exit = !getenv("CUBN_EMU_LAX_EXIT");
static const size_t STK = (getenv("CUBN_EMU_STACK") ? atoi(getenv("CUBN_EMU_STACK")) : 64) * 1024ul, ARENA = 288 << 10, RZ = 64;
static const unsigned yield_limit = 50000000; static unsigned yields;
static Thread *me() { return static_cast<Thread *>(cur); }
uint64_t rnd() { rng_s ^= rng_s << 13; rng_s ^= rng_s >> 7; rng_s ^= rng_s << 17; return rng_s; }

[[noreturn]] void fail(const char *kind, const char *fmt, ...) {
  va_list ap; va_start(ap, fmt); fflush(stdout);
  fprintf(stderr, "EMU-ERROR [%s] ", kind); vfprintf(stderr, fmt, ap); va_end(ap);
  if (L) fprintf(stderr, "\n  kernel %s grid(%u,%u,%u) block(%u,%u,%u) seed %u", L->name, g_gdim.x, g_gdim.y, g_gdim.z, g_bdim.x, g_bdim.y, g_bdim.z, g_seed);
  if (L && cur) fprintf(stderr, "\n  block(%u,%u,%u) thread(%u,%u,%u)", cur->bid.x, cur->bid.y, cur->bid.z, cur->tid.x, cur->tid.y, cur->tid.z);
  fputc('\n', stderr); _exit(97);
}

// ---- context switch (x86-64 SysV; for other machines put ucontext here)
extern "C" void emu_switch(void **save, void *to);
asm(".text\n.globl emu_switch\n.type emu_switch,@function\nemu_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\nmov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n.size emu_switch,.-emu_switch\n");
static void switch_to(Thread *n, bool dying = false) {
  Thread *p = me();
  if (p == n) return;
  ++g_cnt.fiber_switches;
  ASAN(static void *mfake; static void *mstk; static size_t msz;
       if (!msz) { pthread_attr_t a; pthread_getattr_np(pthread_self(), &a); pthread_attr_getstack(&a, &mstk, &msz); pthread_attr_destroy(&a); }
       __sanitizer_start_switch_fiber(dying ? nullptr : p ? &p->fake : &mfake, n ? n->stk : mstk, n ? STK : msz);)
  cur = n; emu_switch(p ? &p->sp : &main_sp, n ? n->sp : main_sp);
  if (p) { threadIdx = p->tid; blockIdx = p->bid; }
  ASAN(__sanitizer_finish_switch_fiber(p ? p->fake : mfake, nullptr, nullptr);)
  (void)dying;
}
static Thread *pick() {
  if (runq.empty()) return nullptr;
  size_t n = runq.size(), i = 0;
  switch (g_policy) {
    case 0: { Thread *t = runq.front(); runq.pop_front(); return t; }   // in order
    case 1: i = n - 1; break;                                            // newest first
    case 2: i = rnd() % n; break;                                        // uniform
    default:                                                             // 3, 4: starve one warp, but not for ever:
      i = rnd() % n;                                                     // a spin-wait on it must end
      if (rnd() % 64) for (int k = 0; k < 16 && runq[i]->warp == g_starve; ++k) i = rnd() % n;
  }
  Thread *t = runq[i]; runq[i] = runq.back(); runq.pop_back(); return t;
}
static void block_here() { switch_to(pick()); }
static void release(Thread *t) { t->st = 0; runq.push_back(t); }
void yield() {
  if (!cur) return;
  if (++yields > yield_limit) fail("livelock", "%u yields in one launch (spin-wait that never ends?)", yields);
  runq.push_back(me()); block_here();
}

// ---- barriers
static const char *bname(BarKind k) { return k == BLOCK ? "__syncthreads" : k == CLUSTER ? "cluster.sync" : "grid.sync"; }
static Bar &bar_of(BarKind k, Block *b) { return k == BLOCK ? b->bar : k == CLUSTER ? b->cl->bar : L->grid; }
static unsigned need_of(BarKind k, Block *b, unsigned &total) {
  if (k == BLOCK) { total = b->total; return b->alive; }
  if (k == CLUSTER) { total = b->cl->total; return b->cl->alive; }
  total = L->nth * L->nblk; return L->alive;
}
static void complete(BarKind k, Bar &b, Block *blk) {
  ++g_cnt.barriers; g_seq++;
  BarRes r{(int)b.cnt, b.cnt == b.arrived, b.cnt > 0};
  auto bump = [&](Block *x) { x->info->B++; if (k == CLUSTER) x->info->clB = x->info->B; if (k == GRID) x->info->gridB = x->info->B; };
  if (k == BLOCK) bump(blk); else if (k == CLUSTER) for (Block *x : blk->cl->blk) bump(x); else for (Block *x : L->res) bump(x);
  for (Thread *t : b.w) { t->res = r; TRACE(t->clk = 1; memset(t->seen, 0, sizeof t->seen); t->seen[t->lane] = 1;) release(t); }
  b.w.clear(); b.arrived = b.cnt = 0;
}
BarRes barrier(BarKind k, int pred, const char *f, int l) {
  Thread *t = me(); Block *blk = t->blk; Bar &b = bar_of(k, blk); Site s{f, l}; unsigned total;
  if (k == GRID && !L->coop) fail("grid-sync", "grid.sync() at %s:%d in a kernel launched without the cooperative attribute", f, l);
  if (b.arrived && !(b.site == s))
    fail("divergent-barrier", "%s reached at %s:%d while %u threads wait in it at %s:%d", bname(k), f, l, b.arrived, b.site.f, b.site.l);
  b.site = s; b.arrived++; b.cnt += pred != 0; b.w.push_back(t); t->st = 1; t->site = s; t->what = bname(k);
  unsigned need = need_of(k, blk, total);
  if (b.arrived == need) {
    if (strict_exit && need != total) fail("exited-before-barrier", "%u of %u threads returned before %s at %s:%d", total - need, total, bname(k), f, l);
    complete(k, b, blk);
  }
  block_here(); return t->res;
}

// ---- warp collectives
static void warp_complete(Warp &w, unsigned need) {
  Thread *t0 = w.lane[__builtin_ctz(need)]; ++g_cnt.warp_operations; unsigned acc = 0; bool first = true;
  auto val = [&](int i) { unsigned v; memcpy(&v, w.lane[i]->win, 4); return v; };
  for (int i = 0; i < 32; ++i) if (need >> i & 1) {
    Thread *t = w.lane[i];
    if (!(t->site == t0->site) || t->wop != t0->wop)
      fail("divergent-warp-op", "lanes of one mask %08x are in different warp operations: %s:%d and %s:%d", need, t->site.f, t->site.l, t0->site.f, t0->site.l);
    if (t->wop == SHFL || t->wop == SYNC || t->wop == MATCH) continue;
    unsigned v = val(i);
    switch (t->wop) {
      case RADD: acc += v; break; case RMIN: acc = first ? v : std::min(acc, v); break; case RMAX: acc = first ? v : std::max(acc, v); break;
      case RAND: acc = first ? v : acc & v; break; case ROR: acc |= v; break; case RXOR: acc ^= v; break;
      default: acc |= (v & 1) << i;
    }
    first = false;
  }
  unsigned join[32] = {0};
  TRACE(if (t0->wop == SYNC) for (int i = 0; i < 32; ++i) if (need >> i & 1) for (int j = 0; j < 32; ++j) join[j] = std::max(join[j], w.lane[i]->seen[j]);)
  for (int i = 0; i < 32; ++i) if (need >> i & 1) {
    Thread *t = w.lane[i]; unsigned r = acc;
    if (t->wop == SHFL) {
      if (need >> (t->wsrc & 31) & 1) memcpy(t->wout, w.lane[t->wsrc & 31]->win, t->wsize); else memset(t->wout, 0xff, t->wsize);  // inactive source: poison
    } else if (t->wop != SYNC) {
      if (t->wop == MATCH) { r = 0; for (int j = 0; j < 32; ++j) if (need >> j & 1 && val(j) == val(i)) r |= 1u << j; }
      if (t->wop == ANY) r = acc != 0;
      if (t->wop == ALL) r = acc == need;
      memcpy(t->wout, &r, 4);
    } else { TRACE(memcpy(t->seen, join, sizeof join); t->seen[i] = ++t->clk;) }
  }
  (void)join; w.waiting &= ~need;
  for (int i = 0; i < 32; ++i) if (need >> i & 1) release(w.lane[i]);
}
static void warp_try(Warp &w, unsigned mask) {
  unsigned need = mask & w.alive;
  if (!need || (w.waiting & need) != need) return;
  for (int i = 0; i < 32; ++i) if (need >> i & 1 && w.lane[i]->wmask != mask) return;  // a real mismatch ends as a deadlock report
  warp_complete(w, need);
}
void warp_op(Op op, unsigned mask, const void *in, void *out, unsigned size, int src, const char *f, int l) {
  Thread *t = me(); Warp &w = t->blk->warps[t->warp];
  if (!(mask >> t->lane & 1)) fail("warp-mask", "lane %u calls a warp operation with mask %08x that lacks its own bit, at %s:%d", t->lane, mask, f, l);
  t->wop = op; t->wmask = mask; t->wsize = size; t->wsrc = src; t->site = {f, l}; t->what = "warp op"; t->st = 2;
  if (size) memcpy(t->win, in, size);
  w.waiting |= 1u << t->lane; warp_try(w, mask); block_here();
  if (size) memcpy(out, t->wout, size);
}
unsigned laneid() { return me()->lane; }
unsigned active_self() { return 1u << me()->lane; }
void misaligned(const void *p, size_t a, const char *f, int l) { fail("misaligned", "access at %p needs %zu-byte alignment, at %s:%d", p, a, f, l); }
void trap(const char *what, const char *f, int l) { fail("trap", "%s at %s:%d", what, f, l); }

// ---- shared memory
void plain_shared() { if (L->res.size() > 1) fail("plain-shared", "plain __shared__ needs EMU_WINDOW=1 and no cluster/cooperative launch; use EMU_SHARED"); }
static size_t round_up(size_t x, size_t a) { return (x + a - 1) / a * a; }
static void expose(char *p, size_t n) { memset(p, 0xff, n); ASAN(__asan_unpoison_memory_region(p, n);) TRACE(trace_alloc(p, n);) }
void *shared_var(const void *key, size_t size, size_t align, const char *name) {
  Block *b = me()->blk; size_t i = 0;
  while (i < L->vars.size() && L->vars[i].key != key) ++i;
  if (i == L->vars.size()) {
    size_t off = round_up(L->arena_top, std::max<size_t>(align, 16)); L->vars.push_back({key, off, size});
    L->arena_top = off + size + RZ; L->smem_used = round_up(L->smem_used, align) + size;
    if (L->smem_used - L->dyn > 48 << 10 || L->smem_used > g_dev.smem_optin) fail("shared-size", "%zu bytes of static shared memory (at %s)", L->smem_used - L->dyn, name);
  }
  if (b->touched.size() <= i) b->touched.resize(i + 1);
  char *p = b->arena + L->vars[i].off;
  if (!b->touched[i]) { b->touched[i] = true; ASAN(__asan_unpoison_memory_region(p, size);) expose(p, size); }
  return p;
}
void *dyn_shared(size_t align) { if (align > 16) fail("shared-align", "dynamic shared memory is only 16-byte aligned"); return me()->blk->arena; }
void *map_rank(void *p, unsigned r) {
  Block *b = me()->blk; size_t off = static_cast<char *>(p) - b->arena;
  if (off >= ARENA) fail("dsmem", "map_shared_rank of a pointer outside this block's shared memory");
  if (!L->clustered || r >= b->cl->blk.size()) fail("dsmem", "rank %u outside the cluster", r);
  return b->cl->blk[r]->arena + off;
}
unsigned cluster_info(int w) { Block *b = me()->blk; return w == 0 ? b->rank : w == 1 ? (unsigned)b->cl->blk.size() : b->info->cluster; }
void fence() { BlkInfo *i = me()->blk->info; i->fences.push_back(++g_seq); yield(); }
void atomic_begin(const void *p, size_t n) {
  yield(); (void)p; (void)n;
  TRACE(trace_atomic(const_cast<void *>(p), n, __builtin_return_address(0));)
  me()->blk->info->atoms.push_back(++g_seq);
}

// ---- block life
static char *get(vector<char *> &pool, size_t n, bool guard) {
  if (!pool.empty()) { char *p = pool.back(); pool.pop_back(); return p; }
  char *p = static_cast<char *>(mmap(nullptr, n + (guard ? 4096 : 0), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (p == MAP_FAILED) fail("emulator", "out of memory for stacks");
  if (guard) { mprotect(p, 4096, PROT_NONE); p += 4096; }
  return p;
}
static void *args_now[256];
static void thread_main() {
  ASAN(__sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);)
  threadIdx = cur->tid; blockIdx = cur->bid;
  L->k->call(L->k->fn, args_now);
  Thread *t = me(); Block *b = t->blk; Warp &w = b->warps[t->warp]; unsigned total;
  t->st = 3; w.alive &= ~(1u << t->lane); b->alive--; b->cl->alive--; L->alive--;
  for (BarKind k : {BLOCK, CLUSTER, GRID}) {
    Bar &bar = bar_of(k, b);
    if (bar.arrived && bar.arrived == need_of(k, b, total)) {
      if (strict_exit) fail("exited-before-barrier", "a thread returned while %u threads wait in %s at %s:%d", bar.arrived, bname(k), bar.site.f, bar.site.l);
      complete(k, bar, b);
    }
  }
  for (unsigned i = 0; i < 32 && w.waiting; ++i) if (w.waiting >> i & 1) warp_try(w, w.lane[i]->wmask);
  switch_to(b->alive ? pick() : nullptr, true);
  abort();
}
static void start_block(unsigned idx, Cluster *cl, unsigned rank) {
  Block *b = new Block; b->idx = idx; b->rank = rank; b->cl = cl; b->total = b->alive = L->nth; b->info = &L->info[idx];
  b->id = {idx % g_gdim.x, idx / g_gdim.x % g_gdim.y, idx / (g_gdim.x * g_gdim.y)};
#if defined(EMU_TRACE)
  b->arena = trace_arena();
#else
  b->arena = get(arenas, ARENA, false);
#endif
  ASAN(__asan_unpoison_memory_region(b->arena, ARENA);) ASAN(__asan_poison_memory_region(b->arena, ARENA);)
  if (L->dyn) { ASAN(__asan_unpoison_memory_region(b->arena, L->dyn);) expose(b->arena, L->dyn); }
  b->warps.resize((L->nth + 31) / 32); L->res.push_back(b); cl->blk[rank] = b;
  for (unsigned i = 0; i < L->nth; ++i) {
    char *s = get(stacks, STK, true);
    ASAN(__asan_unpoison_memory_region(s, STK);)
    Thread *t = reinterpret_cast<Thread *>(s + STK - round_up(sizeof(Thread), 64)); memset(static_cast<void *>(t), 0, sizeof *t);
    t->stk = s; t->blk = b; t->lin = i; t->lane = i % 32; t->warp = i / 32; t->bid = b->id; t->gid = idx * L->nth + i + 1;
    t->tid = {i % g_bdim.x, i / g_bdim.x % g_bdim.y, i / (g_bdim.x * g_bdim.y)}; t->clk = t->seen[t->lane] = 1;
    Warp &w = b->warps[t->warp]; w.lane[t->lane] = t; w.exist |= 1u << t->lane; w.alive = w.exist;
    void **sp = reinterpret_cast<void **>(t); *--sp = nullptr; *--sp = reinterpret_cast<void *>(&thread_main);
    for (int r = 0; r < 6; ++r) *--sp = nullptr;
    t->sp = sp; b->th.push_back(t); runq.push_back(t); ++g_cnt.threads;
  }
}
static void end_block(Block *b) {
  for (Thread *t : b->th) stacks.push_back(t->stk);
  ASAN(__asan_poison_memory_region(b->arena, ARENA);)  // peers that still read it (DSMEM) are caught
  TRACE(trace_free(b->arena, ARENA);)
  L->res.erase(std::find(L->res.begin(), L->res.end(), b));
}
[[noreturn]] static void deadlock() {
  std::string m; unsigned n = 0; vector<std::pair<std::string, unsigned>> g;
  for (Block *b : L->res) for (Thread *t : b->th) if (t->st == 1 || t->st == 2) {
    char s[512]; snprintf(s, sizeof s, "\n    in %s%s at %s:%d: ", t->what, t->st == 2 ? (" mask " + std::to_string(t->wmask)).c_str() : "", t->site.f, t->site.l);
    auto it = std::find_if(g.begin(), g.end(), [&](auto &x) { return x.first == s; });
    if (it == g.end()) g.push_back({s, 1}); else it->second++;
    ++n;
  }
  for (auto &x : g) m += x.first + std::to_string(x.second) + " threads";
  cur = nullptr; fail("deadlock", "%u threads wait and none can run:%s", n, m.c_str());
}
static std::map<const void *, KernelRec> kernels; static std::map<const void *, std::string> names;
void register_kernel(const KernelRec &k) { kernels.emplace(k.fn, k); }
const KernelRec *find_kernel(const void *fn) { auto it = kernels.find(fn); return it == kernels.end() ? nullptr : &it->second; }
const char *kernel_name(const void *fn) {
  std::string &s = names[fn]; Dl_info di; char buf[32]; int st;
  if (s.empty()) {
    if (dladdr(fn, &di) && di.dli_sname && di.dli_saddr == fn) { char *d = abi::__cxa_demangle(di.dli_sname, nullptr, nullptr, &st); s = d ? d : di.dli_sname; free(d); }
    else { snprintf(buf, sizeof buf, "kernel@%p", fn); s = buf; }
  }
  return s.c_str();
}
void execute(const LaunchCfg &c, void **args) {
  Launch l; L = &l; l.k = c.k; l.name = kernel_name(c.k->fn); l.coop = c.coop; l.clustered = c.cluster.x * c.cluster.y * c.cluster.z > 1; l.cdim = c.cluster;
  g_gdim = c.grid; g_bdim = c.block; l.nth = g_bdim.x * g_bdim.y * g_bdim.z; l.nblk = g_gdim.x * g_gdim.y * g_gdim.z; l.dyn = c.smem;
  l.arena_top = l.dyn ? round_up(l.dyn + RZ, 16) : 0; l.smem_used = l.dyn; l.info.resize(l.nblk);
  g_cnt = emu_launch_counts{}; g_cnt.kernel = l.name; yields = 0; TRACE(trace_launch(true);)
  rng_s = g_seed * 0x9E3779B97F4A7C15ull + 0x1234567; for (int i = 0; i < 8; ++i) rnd();
  g_policy = g_seed % 5; g_starve = rnd() % ((l.nth + 31) / 32); g_seq = 1;
  memcpy(args_now, args, sizeof(void *) * c.k->nargs);
  unsigned csz = c.cluster.x * c.cluster.y * c.cluster.z; vector<vector<unsigned>> groups;  // blocks that must be co-resident
  vector<int> gi(l.nblk, -1); std::map<unsigned, unsigned> cmap;
  for (unsigned i = 0; i < l.nblk; ++i) {
    unsigned x = i % g_gdim.x / c.cluster.x, y = i / g_gdim.x % g_gdim.y / c.cluster.y, z = i / (g_gdim.x * g_gdim.y) / c.cluster.z;
    unsigned key = (z * (g_gdim.y / c.cluster.y) + y) * (g_gdim.x / c.cluster.x) + x;
    auto it = cmap.emplace(key, groups.size()); if (it.second) groups.emplace_back();
    groups[it.first->second].push_back(i); l.info[i].cluster = key;
  }
  l.alive = 0;
  if (g_policy == 1) std::reverse(groups.begin(), groups.end());
  if (g_policy > 1) for (size_t i = groups.size(); i > 1; --i) std::swap(groups[i - 1], groups[rnd() % i]);
  vector<Cluster *> cls; size_t next = 0, ndone = 0; const char *we = getenv("CUBN_EMU_WINDOW"); unsigned win = we ? atoi(we) : g_window;
  if (g_policy == 0) win = 1;
  if (c.coop) l.alive = l.nth * l.nblk;  // all blocks take part in grid barriers
  for (;;) {
    while (next < groups.size() && (c.coop || l.res.size() + groups[next].size() <= std::max<size_t>(win, csz))) {
      Cluster *cl = new Cluster; cl->blk.resize(groups[next].size()); cl->alive = cl->total = l.nth * cl->blk.size(); cls.push_back(cl);
      for (size_t r = 0; r < groups[next].size(); ++r) start_block(groups[next][r], cl, (unsigned)r);
      if (!c.coop) l.alive += l.nth * groups[next].size();
      ++next;
    }
    if (Thread *t = pick()) switch_to(t); else if (ndone < l.nblk) deadlock();
    vector<Block *> rs = l.res; bool any = false;
    for (Block *b : rs) if (!b->alive) { end_block(b); ++ndone; any = true;
#ifndef EMU_TRACE
      if (!l.clustered) arenas.push_back(b->arena);
#endif
    }
    if (ndone == l.nblk) break;
    if (!any && runq.empty()) deadlock();
  }
  for (Cluster *cl : cls) { for (Block *b : cl->blk) {
#ifndef EMU_TRACE
      if (l.clustered) arenas.push_back(b->arena);
#endif
      delete b; } delete cl; }
  TRACE(trace_launch(false);)
  g_cnt.grid[0] = g_gdim.x; g_cnt.grid[1] = g_gdim.y; g_cnt.grid[2] = g_gdim.z; g_cnt.block[0] = g_bdim.x; g_cnt.block[1] = g_bdim.y; g_cnt.block[2] = g_bdim.z;
  g_cnt.cluster_blocks = csz; launches.push_back(g_cnt);
  cur = nullptr; L = nullptr;
}

#if defined(EMU_TRACE)
// ---- access tracing: classify every access, count bytes, detect races / uninitialised / foreign memory
struct Acc { unsigned thr, ep, seq, atomic; };                 // ep: block epoch << 12 | warp clock
struct Cell { Acc w, r0, r1; unsigned rl, wl, lid; };
static const size_t HEAP = 1ul << 30, AR = 512ul << 20, TOT = HEAP + AR;
#ifndef EMU_GRAIN
#define EMU_GRAIN 2  // bytes per race-check cell; narrower accesses are counted but not race-checked
#endif
static const size_t GR = EMU_GRAIN;
static char *base; static uint8_t *flag; static Cell *cell; static unsigned *sr, *sw; static size_t heap_top, ar_next; static unsigned lid; static int preempt;
extern "C" char __executable_start, _end;
static void *reserve(size_t n) { void *p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); if (p == MAP_FAILED) fail("emulator", "cannot reserve %zu", n); return p; }
static void init() {
  if (base) return;
  base = (char *)reserve(TOT); flag = (uint8_t *)reserve(TOT); cell = (Cell *)reserve(TOT / GR * sizeof(Cell)); sr = (unsigned *)reserve(TOT / 8); sw = (unsigned *)reserve(TOT / 8);
}
void *trace_malloc(size_t n) { init(); char *p = base + heap_top; heap_top += round_up(n + 256, 256); if (heap_top > HEAP) fail("emulator", "trace heap exhausted"); trace_alloc(p, n); return p; }
char *trace_arena() { init(); if ((ar_next + 1) * ARENA > AR) ar_next = 0; return base + HEAP + ARENA * ar_next++; }
void trace_alloc(void *p, size_t n) { memset(flag + ((char *)p - base), 1, n); memset(cell + ((char *)p - base) / GR, 0, (n + GR - 1) / GR * sizeof(Cell)); }
void trace_free(void *p, size_t n) { memset(flag + ((char *)p - base), 0, n); }
void trace_init(void *p, size_t n) { uint8_t *f = flag + ((char *)p - base); for (size_t i = 0; i < n; ++i) f[i] |= 2; }
void trace_launch(bool begin) { init(); if (begin) { ++lid; preempt = 40; } }
static bool ordered(const Acc &a, Thread *t) {
  if (a.thr == t->gid || !a.thr) return true;
  unsigned ab = (a.thr - 1) / L->nth, al = (a.thr - 1) % L->nth; BlkInfo &i1 = L->info[ab], &i2 = *t->blk->info;
  if (ab == t->blk->idx) return (a.ep >> 12) < i1.B || (al / 32 == t->warp && t->seen[al % 32] >= (a.ep & 4095));
  if ((a.ep >> 12) < i1.gridB) return true;
  if (i1.cluster == i2.cluster && L->clustered && (a.ep >> 12) < i1.clB) return true;
  auto f = std::upper_bound(i1.fences.begin(), i1.fences.end(), a.seq);  // writer: access, fence, atomic; reader: a later atomic
  if (f == i1.fences.end()) return false;
  auto at = std::upper_bound(i1.atoms.begin(), i1.atoms.end(), *f);
  return at != i1.atoms.end() && !i2.atoms.empty() && i2.atoms.back() > *at;
}
static void where(void *pc, char *out, size_t n) {
  char cmd[256]; snprintf(cmd, sizeof cmd, "addr2line -e /proc/%d/exe %p 2>/dev/null", (int)getpid(), (void *)((char *)pc - 1));
  snprintf(out, n, "pc %p", pc);
  if (FILE *f = popen(cmd, "r")) { if (fgets(out, (int)n, f)) out[strcspn(out, "\n")] = 0; pclose(f); }
}
static void race(const char *what, const Acc &a, void *p, void *pc) {
  char s[300]; where(pc, s, sizeof s); unsigned ab = (a.thr - 1) / L->nth, al = (a.thr - 1) % L->nth;
  fail("race", "%s on %s memory %p at %s, with thread %u of block %u and no ordering between", what, (char *)p >= base + HEAP ? "shared" : "global", p, s, al, ab);
}
static void access(void *p, size_t n, bool wr, bool at, void *pc) {
  size_t off = (size_t)((char *)p - base); char s[300];
  if (!base) return;
  if (off >= TOT) {
    if (!cur) return;
    Thread *t = me();
    if (((char *)p >= t->stk && (char *)p < t->stk + STK) || ((char *)p >= &__executable_start && (char *)p < &_end)) return;
    where(pc, s, sizeof s); fail("foreign-memory", "kernel %s %zu bytes at %p, which is neither device nor shared nor its own stack: %s", wr ? "writes" : "reads", n, p, s);
  }
  if (!cur) { where(pc, s, sizeof s); fail("host-deref", "host code %s device memory at %s", wr ? "writes" : "reads", s); }
  Thread *t = me(); uint8_t *f = flag + off;
  for (size_t i = 0; i < n; ++i) {
    if (!(f[i] & 1)) { where(pc, s, sizeof s); fail("out-of-bounds", "%s of %zu bytes at %p, %zu bytes past live memory: %s", wr ? "write" : "read", n, p, i, s); }
    if (!wr && !(f[i] & 2)) { where(pc, s, sizeof s); fail("uninitialised", "read of %zu bytes at %p (byte %zu was never written): %s", n, p, i, s); }
    if (wr) f[i] |= 2;
  }
  bool glob = off < HEAP; Acc me_{t->gid, t->blk->info->B << 12 | std::min(t->clk, 4095u), g_seq, at};
  if (glob) { if (at) g_cnt.atomic_bytes += n; else (wr ? g_cnt.written_bytes : g_cnt.read_bytes) += n;
    for (size_t x = off >> 5; x <= (off + n - 1) >> 5; ++x) { unsigned *q = (wr ? sw : sr) + x; if (*q != lid) { *q = lid; (wr ? g_cnt.written_sectors : g_cnt.read_sectors)++; } } }
  else (wr ? g_cnt.shared_written_bytes : g_cnt.shared_read_bytes) += n;
  for (size_t g = off / GR; g <= (off + n - 1) / GR; ++g) {
    Cell &c = cell[g];
    if (c.lid != lid) { c.lid = lid; c.w.thr = c.r0.thr = c.r1.thr = 0; }
    if (glob) { unsigned &q = wr ? c.wl : c.rl; if (q != lid) { q = lid; (wr ? g_cnt.distinct_written_bytes : g_cnt.distinct_read_bytes) += std::min(n, GR); } }
    if (n < GR) continue;                                       // narrower than the grain: not race-checked
    if (!(at && c.w.atomic) && !ordered(c.w, t)) race(wr ? "write after write" : "read after write", c.w, p, pc);
    if (wr) {
      if (!ordered(c.r0, t)) race("write after read", c.r0, p, pc);
      if (!ordered(c.r1, t)) race("write after read", c.r1, p, pc);
      c.w = me_; c.r0.thr = c.r1.thr = 0;
    } else { if (c.r0.thr && (c.r0.thr - 1) / 32 != (t->gid - 1) / 32) c.r1 = c.r0; c.r0 = me_; }
  }
  if (!at && g_policy >= 2 && --preempt <= 0) { preempt = 1 + (int)(rnd() % 80); yield(); }
}
void trace_atomic(void *p, size_t n, void *pc) { access(p, n, true, true, pc); }
static void aligned(void *p, size_t n, bool wr, void *pc) {  // the compiler was promised this alignment
  if (cur && (size_t)p % n) { char s[300]; where(pc, s, sizeof s); fail("misaligned", "%zu-byte %s at %p: %s", n, wr ? "write" : "read", p, s); }
  access(p, n, wr, false, pc);
}
#define PC __builtin_return_address(0)
#define CB(n) extern "C" { void __tsan_read##n(void *p) { aligned(p, n, false, PC); } void __tsan_write##n(void *p) { aligned(p, n, true, PC); } \
  void __tsan_unaligned_read##n(void *p) { access(p, n, false, false, PC); } void __tsan_unaligned_write##n(void *p) { access(p, n, true, false, PC); } \
  void __tsan_volatile_read##n(void *p) { aligned(p, n, false, PC); } void __tsan_volatile_write##n(void *p) { aligned(p, n, true, PC); } }
CB(1) CB(2) CB(4) CB(8) CB(16)
extern "C" void __tsan_read_range(void *p, size_t n) { access(p, n, false, false, __builtin_return_address(0)); }
extern "C" void __tsan_write_range(void *p, size_t n) { access(p, n, true, false, __builtin_return_address(0)); }
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void *) {}
extern "C" void __tsan_func_exit() {}
extern "C" void __tsan_vptr_update(void *, void *) {}
extern "C" void __tsan_vptr_read(void *) {}
#endif
}  // namespace emu
using namespace emu;
extern "C" void emu_set_seed(unsigned s) { g_seed = s ? s : 1; }
extern "C" void emu_set_window(unsigned b) { g_window = b ? b : 1; }
extern "C" void emu_reset_launches(void) { emu::launches.clear(); }
extern "C" unsigned emu_launch_count(void) { return (unsigned)emu::launches.size(); }
extern "C" int emu_get_launch(unsigned i, emu_launch_counts *o) { if (i >= emu::launches.size()) return 0; *o = emu::launches[i]; return 1; }
extern "C" int emu_is_trace(void) {
#if defined(EMU_TRACE)
  return 1;
#else
  return 0;
#endif
}
