/* Channels in double, for calls with an epilogue; see exact.h. */
#ifndef CUBN_CPU_FAST_EXACT_EPILOGUE_H
#define CUBN_CPU_FAST_EXACT_EPILOGUE_H

#include "cpu/fast/call.h"

void cubn_exact_epilogue_output(const cubn_call *call, cubn_patch values,
                                const cubn_coefficients *coef);
void cubn_exact_epilogue_sums(const cubn_call *call, cubn_patch values,
                              const cubn_coefficients *coef, double sums[3]);

#endif /* CUBN_CPU_FAST_EXACT_EPILOGUE_H */
