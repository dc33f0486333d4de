/* Warns where the drop-in is loaded behind cuDNN, which then gets all calls. */
#include <dlfcn.h>
#include <stdio.h>

#include "cudnn/real.h"

/* The order is the linker's: nothing can be done about it at run time. The message is no matter of
 * the log, which is off where nobody expects a fault. */
__attribute__((constructor)) static void check_order(void) {
  void *first = dlsym(RTLD_DEFAULT, cudnn_function_name(CUDNN_FORWARD_TRAINING));
  Dl_info library;
  if (!first || cudnn_is_own(first) || !dladdr(first, &library)) return;
  fprintf(stderr,
          "cubn: libcubn_cudnn.so comes after %s and so takes over no call: link -lcubn_cudnn "
          "before -lcudnn, or preload it\n",
          library.dli_fname);
}
