#include "../cubn_cudnn.h" /* in the place of cuDNN's header of this name */
