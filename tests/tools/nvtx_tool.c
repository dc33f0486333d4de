/* A tool that NVTX finds through NVTX_INJECTION64_PATH: it prints the ranges of a program as they
 * begin, indented by their depth. */
#include <nvtx3/nvToolsExt.h>
#include <stdio.h>

static int depth;

static int NVTX_API push(const char *message) {
  printf("%*srange: %s\n", 2 * depth, "", message);
  return depth++;
}

static int NVTX_API pop(void) {
  return --depth;
}

__attribute__((visibility("default"))) int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get);

int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get) {
  NvtxFunctionTable functions = NULL;
  unsigned count = 0;
  const NvtxExportTableCallbacks *const callbacks = get(NVTX_ETID_CALLBACKS);
  if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &functions, &count))
    return 0;
  *functions[NVTX_CBID_CORE_RangePushA] = (NvtxFunctionPointer)push;
  *functions[NVTX_CBID_CORE_RangePop] = (NvtxFunctionPointer)pop;
  return 1;
}
