/* The size that the stand-in for cuDNN reports, for tests that expect it. */
#ifndef DROPIN_STANDIN_H
#define DROPIN_STANDIN_H

#define STANDIN_BYTES ((size_t)4096)

#endif /* DROPIN_STANDIN_H */
