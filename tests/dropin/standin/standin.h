/* What tests expect of the stand-in for cuDNN. */
#ifndef DROPIN_STANDIN_H
#define DROPIN_STANDIN_H

#define STANDIN_BYTES ((size_t)4096)

#endif /* DROPIN_STANDIN_H */
