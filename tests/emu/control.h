/* Control of the emulated device, for tests (C). */
#ifndef CUBN_TESTS_EMU_CONTROL_H
#define CUBN_TESTS_EMU_CONTROL_H
#ifdef __cplusplus
extern "C" {
#endif

/* What one kernel launch did. Only the trace build fills the byte counts. */
typedef struct emu_launch_counts {
  const char *kernel;
  unsigned grid[3];
  unsigned block[3];
  unsigned cluster_blocks; /* 1 unless launched in clusters */
  unsigned long long dynamic_shared_bytes;
  int carveout; /* preferred share of shared memory, in percent; -1: no preference */
  unsigned long long read_bytes;          /* global bytes requested by loads */
  unsigned long long written_bytes;       /* global bytes requested by stores */
  unsigned long long atomic_bytes;        /* global bytes requested by atomics */
  unsigned long long distinct_read_bytes; /* each global byte counted once per launch */
  unsigned long long distinct_written_bytes;
  unsigned long long missed_read_bytes; /* not in a cache of the size of the device's L2 */
  unsigned long long read_sectors;      /* distinct 32-byte sectors */
  unsigned long long written_sectors;
  unsigned long long shared_read_bytes;
  unsigned long long shared_written_bytes;
  unsigned long long fiber_switches;
  unsigned long long barriers;
  unsigned long long warp_operations;
  unsigned long long threads;
} emu_launch_counts;

void emu_set_seed(unsigned seed);     /* schedule; the policy is seed % 5 */
void emu_set_window(unsigned blocks); /* co-resident blocks of ordinary launches */
void emu_set_lazy_streams(int lazy);  /* 1: work on streams runs as late as allowed */
/* Enqueues an operation on a cudaStream_t, or captures it: run(data), as soon as is_ready(data).
 * This may stay for ever if nothing makes it ready; a program that waits then ends. */
int emu_enqueue(void *stream, void (*run)(void *data), int (*is_ready)(void *data), void *data);
/* 1: launches do nothing and the runtime keeps no records, to time the host's part of a call */
void emu_set_null_device(int null);
/* 1: launches are checked and logged, but their blocks do not run */
void emu_set_dry_launches(int dry);
/* name: sm75, sm80, sm86, sm89, sm90, sm100 or sm120 */
void emu_set_device(const char *name, int sm_count);
void emu_set_l2_bytes(unsigned long long bytes); /* 0: that of the device model */
/* So many SMs are free for cooperative and cluster launches, fewer than the device says; 0: all. */
void emu_set_free_sms(int count);
void emu_set_device_count(int count); /* 0: like a machine without a GPU */
/* 1000 * major + 10 * minor; 0: no driver; CUDART_VERSION: as the runtime. Below its major version
 * every call fails. */
void emu_set_driver_version(int version);
/* The least static shared memory of every kernel: the choice of a compiler. 32 until it is set. */
void emu_set_static_shared_bytes(unsigned long long bytes);
/* No kernel is loaded, and no device has a primary context; the calling thread uses device 0. */
void emu_unload_kernels(void);
void emu_forget_contexts(void);
unsigned emu_late_loads(void); /* kernels that were first loaded by a launch, since then */
int emu_has_primary_context(int device);
/* The nth next call of the runtime function `api` fails with `error` (a cudaError_t) and does
 * nothing, but for cudaStreamDestroy and cudaEventDestroy, which destroy: their error is of earlier
 * work. */
void emu_fail_next(const char *api, int nth, int error);
unsigned long long emu_live_bytes(void);   /* device and pinned memory not yet freed */
unsigned emu_live_objects(void);           /* streams and events not yet destroyed */
unsigned long long emu_report_leaks(void); /* the same, and lists them on stderr */
unsigned long long emu_api_calls(
    const char *api); /* calls of that runtime function; NULL: of all */

void emu_reset_launches(void);
unsigned emu_launch_count(void);
int emu_get_launch(unsigned index, emu_launch_counts *counts); /* 0 if there is no such launch */
int emu_is_trace(void);

#ifdef __cplusplus
}
#endif
#endif
