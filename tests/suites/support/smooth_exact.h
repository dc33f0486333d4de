/* Smooth activations and their derivatives in long double. */
#ifndef CUBN_TESTS_SMOOTH_EXACT_H
#define CUBN_TESTS_SMOOTH_EXACT_H

typedef struct smooth_exact {
  long double value;
  long double size; /* sum of the sizes of the terms, which may cancel */
} smooth_exact;

/* `smooth` is a cubn_smooth. */
smooth_exact smooth_value(int smooth, long double p);
smooth_exact smooth_slope(int smooth, long double p);

#endif /* CUBN_TESTS_SMOOTH_EXACT_H */
