/* The memory traffic of a line that no algorithm can avoid. */
#include "kit/data.h"

/* Whether anything depends on x, in backward besides the sums. */
static bool reads_x(const line_problem *p) {
  if (p->pass != LINE_BACKWARD) return true;
  const bool recomputes = p->activation != CUBN_ACTIVATION_IDENTITY && !p->adds;
  const bool has_dscale = !p->no_dscale && !p->given_sums;
  return recomputes || has_dscale || (line_has_output(p) && !p->frozen);
}

static int tensors(const line_problem *p) {
  const bool backward = p->pass == LINE_BACKWARD;
  const bool reads_z = !backward && p->adds && line_has_output(p);
  return backward + reads_x(p) + reads_z + line_has_output(p) + line_has_dz(p) + (p->beta != 0);
}

int64_t line_floor_bytes(const line_problem *problem) {
  const int64_t tensor_bytes = line_elements(problem) * (int64_t)data_type_bytes(problem->type);
  const line_reserve kind = line_reserve_kind(problem);
  const bool has_elements = kind == LINE_RESERVE_MASK || kind == LINE_RESERVE_INPUT;
  return tensors(problem) * tensor_bytes +
         (has_elements ? (int64_t)line_reserve_bytes(problem) : 0);
}
