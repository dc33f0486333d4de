#include "timers/timer_cuda_graph.h"

#include <cuda_runtime_api.h>

const char *timer_cuda_record(bench_timer *timer, bool (*call)(void *state), void *state, int calls,
                              void **graph) {
  cudaGraph_t captured = NULL;
  cudaGraphExec_t executable = NULL;
  cudaError_t error = cudaStreamBeginCapture(timer->stream, cudaStreamCaptureModeRelaxed);
  if (error != cudaSuccess) return cudaGetErrorString(error);
  bool good = true;
  for (int i = 0; i < calls && good; ++i) good = call(state);
  error = cudaStreamEndCapture(timer->stream, &captured);
  if (error == cudaSuccess && good) error = cudaGraphInstantiate(&executable, captured, 0);
  if (captured) cudaGraphDestroy(captured);
  cudaGetLastError(); /* reported here, not by the next call */
  if (!good) return "a call failed in capture";
  if (error != cudaSuccess) return cudaGetErrorString(error);
  *graph = executable;
  return NULL;
}

bool timer_cuda_replay(bench_timer *timer, void *graph) {
  return cudaGraphLaunch(graph, timer->stream) == cudaSuccess;
}

void timer_cuda_forget(bench_timer *timer, void *graph) {
  (void)timer;
  cudaGraphExecDestroy(graph);
}
