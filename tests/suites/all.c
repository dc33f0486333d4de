#include "suites/all.h"

#include <stddef.h>

/* One per file test_*.c, in the order in which they run. */
#define SUITES(X)          \
  X(problem_layout)        \
  X(problem_line)          \
  X(oracle)                \
  X(oracle_differences)    \
  X(compare)               \
  X(data)                  \
  X(acceptance_numerics)   \
  X(acceptance_running)    \
  X(acceptance_shapes)     \
  X(acceptance)            \
  X(algorithms)            \
  X(api_errors_descriptor) \
  X(api_errors_setup)      \
  X(api_errors)            \
  X(api_errors_tensors)    \
  X(api_errors_activation) \
  X(api_errors_extended)   \
  X(api_errors_fused)      \
  X(api_errors_masked)     \
  X(api_errors_sizes)      \
  X(buffer)                \
  X(cpu_targets)           \
  X(smooth_activations)    \
  X(runs)                  \
  X(cuda_backend)          \
  X(cuda_cleanup)          \
  X(cuda_driver)           \
  X(cuda_environment)      \
  X(cuda_refusals)         \
  X(cuda_soak)             \
  X(descriptor)            \
  X(decisions)             \
  X(determinism)           \
  X(double_backward)       \
  X(double_channels)       \
  X(double_formulas)       \
  X(edges)                 \
  X(conventions)           \
  X(empty)                 \
  X(finite)                \
  X(from_y)                \
  X(example)               \
  X(extended)              \
  X(fused)                 \
  X(graph)                 \
  X(streams)               \
  X(host_path)             \
  X(host_memory)           \
  X(gaps)                  \
  X(masked)                \
  X(handle)                \
  X(log)                   \
  X(log_destination)       \
  X(callback)              \
  X(nan_bits)              \
  X(normalization)         \
  X(fold)                  \
  X(fold_types)            \
  X(fold_behind)           \
  X(fold_edges)            \
  X(fold_overlap)          \
  X(objects)               \
  X(overlap)               \
  X(parameters)            \
  X(pool)                  \
  X(random)                \
  X(reserve)               \
  X(renorm)                \
  X(rounding)              \
  X(selection)             \
  X(semantics_passes)      \
  X(semantics)             \
  X(streamed)              \
  X(cooperative)           \
  X(communicator)          \
  X(communicator_faults)   \
  X(communicator_setup)    \
  X(communicator_capture)  \
  X(communicator_device)   \
  X(communicator_idle)     \
  X(communicator_divided)  \
  X(synchronized)          \
  X(virtual)               \
  X(virtual_traffic)       \
  X(traffic)               \
  X(masked_traffic)        \
  X(threads)               \
  X(int8)                  \
  X(int8_edges)            \
  X(idx)                   \
  X(import)                \
  X(import_darknet)        \
  X(nn)                    \
  X(nn_checkpoint)         \
  X(nn_head)               \
  X(nn_network)            \
  X(nn_reference)          \
  X(nn_training)

#define DECLARE(topic) void test_##topic##_suites(void);
SUITES(DECLARE)
void test_large_suites(void);

#define NAME(topic) test_##topic##_suites,
static void (*const register_suites[])(void) = {SUITES(NAME)};

void add_all_suites(void) {
  for (size_t i = 0; i < sizeof register_suites / sizeof register_suites[0]; ++i)
    register_suites[i]();
}

void add_large_suites(void) {
  test_large_suites();
}
