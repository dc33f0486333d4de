#include "host/ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/problem_text.h"

#ifndef CUBN_WITH_NVTX
#define CUBN_WITH_NVTX 0
#endif

#if CUBN_WITH_NVTX
#include <nvtx3/nvToolsExt.h>

/* Tools name the library that takes the ranges in this variable; NVTX reads it, too. */
bool cubn_ranges_wanted(void) {
  const char *const tool = getenv("NVTX_INJECTION64_PATH"), *const asked = getenv("CUBN_NVTX");
  return (tool && *tool) || (asked && strcmp(asked, "1") == 0);
}

void cubn_range_begin(cubnHandle_t handle, const cubn_problem *problem, const cubn_args *args) {
  if (!handle->has_ranges) return;
  char line[CUBN_PROBLEM_TEXT_MAX], text[CUBN_PROBLEM_TEXT_MAX + CUBN_ALGO_NAME_MAX + 8];
  cubn_problem_text(problem, args, line, sizeof line);
  snprintf(text, sizeof text, "%s (%s)", line,
           handle->last_algo ? handle->last_algo->name : "nothing");
  nvtxRangePushA(text);
}

void cubn_range_end(cubnHandle_t handle) {
  if (handle->has_ranges) nvtxRangePop();
}
#else
bool cubn_ranges_wanted(void) {
  return false;
}

void cubn_range_begin(cubnHandle_t handle, const cubn_problem *problem, const cubn_args *args) {
  (void)handle;
  (void)problem;
  (void)args;
}

void cubn_range_end(cubnHandle_t handle) {
  (void)handle;
}
#endif
