/* How the CPU backend's loops are compiled. */
#ifndef CUBN_CPU_COMMON_CLONES_H
#define CUBN_CPU_COMMON_CLONES_H

/* Compiles a function for the base instruction set, for AVX2, and by compilers that can choose it
 * for AVX-512; which one runs is chosen when the program is loaded. Only the number of values per
 * instruction differs: lanes are summed in the same order and nothing is contracted
 * (-ffp-contract=off), so all give the same bits. It is off where it does not work: clang 14 calls
 * the resolver instead of the function, and sanitizers start after the resolvers ran. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(CUBN_NO_CLONES)
#include <features.h> /* defines __GLIBC__: this C library has resolvers */
#ifdef __GLIBC__
#if __GNUC__ >= 12
#define CUBN_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define CUBN_CLONES __attribute__((target_clones("avx2", "default")))
#endif
#endif
#endif
#ifndef CUBN_CLONES
#define CUBN_CLONES
#endif

/* Before a loop whose iterations do not depend on each other, though the compiler cannot know that
 * its arrays do not overlap. */
#if defined(__GNUC__) && !defined(__clang__)
#define CUBN_INDEPENDENT _Pragma("GCC ivdep")
#else
#define CUBN_INDEPENDENT
#endif

/* A function that is inlined into CUBN_CLONES functions, and so is compiled for all. */
#define CUBN_INLINED static inline __attribute__((always_inline))

#endif /* CUBN_CPU_COMMON_CLONES_H */
