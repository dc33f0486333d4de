// Runtime API: graphs. A graph keeps its operations in the order of capture, which is one of the
// orders that its dependencies allow.
#include <algorithm>

#include "runtime.h"

namespace emu {

namespace {

Graph *graph_of(cudaGraph_t handle) {
  return reinterpret_cast<Graph *>(handle);
}

Graph *graph_of(cudaGraphExec_t handle) {
  return reinterpret_cast<Graph *>(handle);
}

cudaError_t list_nodes(Graph *graph, cudaGraphNode_t *nodes, size_t *count) {
  if (graph == nullptr || count == nullptr) return cudaErrorInvalidValue;
  const size_t present = graph->operations.size();
  if (nodes == nullptr) {
    *count = present;
    return cudaSuccess;
  }
  for (size_t i = 0; i < *count; ++i) {
    // The handles are for counting only.
    nodes[i] = i < present ? reinterpret_cast<cudaGraphNode_t>(&graph->operations[i]) : nullptr;
  }
  *count = std::min(*count, present);
  return cudaSuccess;
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
  return api_call("cudaGraphGetNodes", [&] { return list_nodes(graph_of(graph), nodes, count); });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph,
                                 unsigned long long) {
  return api_call("cudaGraphInstantiate", [&] {
    if (executable == nullptr || graph == nullptr) return cudaErrorInvalidValue;
    *executable = reinterpret_cast<cudaGraphExec_t>(new Graph(*graph_of(graph)));
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return api_call("cudaGraphLaunch", [&] {
    if (executable == nullptr) return cudaErrorInvalidValue;
    Stream *const target = stream_of(stream);
    if (target == nullptr) return cudaErrorInvalidResourceHandle;
    if (target->device != current_device()) return cudaErrorInvalidResourceHandle;
    for (const GraphOperation &operation : graph_of(executable)->operations) {
      const cudaError_t error = push(target, operation.run, operation.is_ready);
      if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api_call("cudaGraphDestroy", [&] {
    if (graph == nullptr) return cudaErrorInvalidValue;
    delete graph_of(graph);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return api_call("cudaGraphExecDestroy", [&] {
    if (executable == nullptr) return cudaErrorInvalidValue;
    drain_all();
    delete graph_of(executable);
    return cudaSuccess;
  });
}

}  // extern "C"
