// private: shared by engine.cpp (engine) and runtime.cpp (runtime API)
#pragma once
#include "emu.h"
#undef __shared__
#undef cudaLaunchKernelEx
#include <map>
#include <string>
#include <vector>
namespace emu {
struct DeviceCfg { int sms = 4, cc = 90; size_t smem_optin = 227 << 10; int l2 = 50 << 20; };
struct LaunchCfg { const KernelRec *k; dim3 grid, block, cluster; size_t smem; bool coop; };
extern DeviceCfg g_dev; extern emu_launch_counts g_cnt;
[[noreturn]] void fail(const char *kind, const char *fmt, ...);
uint64_t rnd();
void execute(const LaunchCfg &, void **args);
const KernelRec *find_kernel(const void *fn); const char *kernel_name(const void *fn);
void *trace_malloc(size_t); void trace_alloc(void *, size_t); void trace_free(void *, size_t); void trace_init(void *, size_t);
void trace_launch(bool); void trace_atomic(void *, size_t, void *pc); char *trace_arena();
}
