/* What the passes do before and after their sums. */
#ifndef CUBN_CPU_FAST_PASSES_H
#define CUBN_CPU_FAST_PASSES_H

#include "cpu/fast/call.h"

/* Statistics are given. */
void cubn_fast_begin_inference(const cubn_call *call, cubn_channels *channels);
void cubn_fast_finish_training(const cubn_call *call, cubn_channels *channels);

void cubn_fast_begin_backward(const cubn_call *call, cubn_channels *channels);
void cubn_fast_finish_backward(const cubn_call *call, cubn_channels *channels);

#endif /* CUBN_CPU_FAST_PASSES_H */
