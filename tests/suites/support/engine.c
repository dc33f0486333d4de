#include "suites/support/engine.h"

#include <limits.h>
#include <string.h>

#include "suites/support/expect_error.h"

/* ---- Whose turn it is; all with the mutex held ---- */
static int next_in(const engine *e, int after, engine_state wanted) {
  for (int i = 1; i <= e->ranks; ++i) {
    const int step = e->reversed ? e->ranks - i : i;
    const int rank = (after + step) % e->ranks;
    if (e->states[rank] == wanted) return rank;
  }
  return -1;
}

/* All ranks that have not ended are in a gather. */
static void complete(engine *e) {
  e->error = e->fail_at && e->gathers + 1 >= e->fail_at ? ENGINE_ORDERED : 0;
  for (int r = 0; r < e->ranks; ++r)
    if (e->counts[r] != e->counts[0]) e->error = ENGINE_COUNTS;
  if (next_in(e, 0, ENGINE_FINISHED) >= 0) e->error = ENGINE_MISSING;
  for (int r = 0; r < e->ranks; ++r)
    if (e->states[r] == ENGINE_WAITING) e->states[r] = ENGINE_READY;
  ++e->gathers;
}

static void pass_turn(engine *e, int rank) {
  e->turn = next_in(e, rank, ENGINE_READY);
  if (e->turn < 0 && next_in(e, rank, ENGINE_WAITING) >= 0) {
    complete(e);
    e->turn = next_in(e, rank, ENGINE_READY);
  }
  pthread_cond_broadcast(&e->changed);
}

static void await_turn(engine *e, int rank) {
  while (e->turn != rank) pthread_cond_wait(&e->changed, &e->mutex);
}

/* ---- The functions of the communicators ---- */
static int meet(engine_rank *self, size_t count) {
  engine *const e = self->engine;
  e->counts[self->rank] = count;
  e->states[self->rank] = ENGINE_WAITING;
  pass_turn(e, self->rank);
  await_turn(e, self->rank);
  return e->error;
}

int engine_meet(engine_rank *self, size_t count) {
  pthread_mutex_lock(&self->engine->mutex);
  const int error = meet(self, count);
  pthread_mutex_unlock(&self->engine->mutex);
  return error;
}

/* Of the `sent` doubles of each rank this one takes `count` from the first'th on. */
static int swap(engine_rank *self, const double *send, size_t sent, double *receive, size_t first,
                size_t count) {
  engine *const e = self->engine;
  if (sent > ENGINE_WORDS_MAX) return ENGINE_COUNTS;
  pthread_mutex_lock(&e->mutex);
  double(*const blocks)[ENGINE_WORDS_MAX] = e->blocks[e->gathers % 2];
  memcpy(blocks[self->rank], send, sent * sizeof *send);
  const int error = meet(self, sent);
  for (int r = 0; r < e->ranks && !error; ++r)
    memcpy(receive + (size_t)r * count, blocks[r] + first, count * sizeof *send);
  pthread_mutex_unlock(&e->mutex);
  return error;
}

int engine_gather(void *context, const double *send, double *receive, size_t count) {
  return swap(context, send, count, receive, 0, count);
}

static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  (void)stream;
  return engine_gather(context, send, receive, count);
}

static int all_to_all(void *context, const double *send, double *receive, size_t count,
                      cubnStream_t stream) {
  engine_rank *const self = context;
  (void)stream;
  return swap(self, send, (size_t)self->engine->ranks * count, receive, (size_t)self->rank * count,
              count);
}

const char *engine_error_string(void *context, int error) {
  (void)context;
  return error == ENGINE_MISSING  ? "a rank has ended"
         : error == ENGINE_COUNTS ? "ranks gather different numbers of values"
                                  : "an error that the test ordered";
}

static cubnStatus_t create_on_host(engine_rank *self, cubnCommunicator_t *communicator) {
  const cubnCommunicatorFunctions_t functions = {
      .gather = gather, .error_string = engine_error_string, .all_to_all = all_to_all};
  return cubnCreateCommunicator(communicator, &functions, self, self->rank, self->engine->ranks);
}

static const engine_kind *selected;

void engine_select(const engine_kind *kind) {
  selected = kind;
}

bool engine_gathers_on_device(void) {
  return selected;
}

static bool is_divided;

void engine_divide(bool divides) {
  is_divided = divides;
}

/* ---- Ranks ---- */
static void open_and_run(engine_rank *self) {
  if (expect_success(cubnCreateOnDevice(&self->handle, suite_device()), "handle of a rank") &&
      expect_success((selected ? selected->create : create_on_host)(self, &self->communicator),
                     "communicator") &&
      expect_success(cubnSetCommunicatorGatherRanks(self->communicator, is_divided ? 1 : INT_MAX),
                     "how ranks exchange"))
    self->engine->body(self);
  expect_success(cubnDestroyCommunicator(self->communicator), "the end of a communicator");
  if (selected) selected->end(self);
  expect_success(cubnDestroy(self->handle), "the end of a rank's handle");
}

static void *run_rank(void *argument) {
  engine_rank *const self = argument;
  engine *const e = self->engine;
  pthread_mutex_lock(&e->mutex);
  await_turn(e, self->rank);
  pthread_mutex_unlock(&e->mutex);
  open_and_run(self);
  pthread_mutex_lock(&e->mutex);
  e->states[self->rank] = ENGINE_FINISHED;
  pass_turn(e, self->rank);
  pthread_mutex_unlock(&e->mutex);
  return NULL;
}

void engine_run(engine *e, int ranks, void (*body)(engine_rank *self), void *context) {
  pthread_t threads[ENGINE_RANKS_MAX];
  *e = (engine){.ranks = ranks, .reversed = e->reversed, .fail_at = e->fail_at, .body = body};
  e->turn = e->reversed ? ranks - 1 : 0;
  pthread_mutex_init(&e->mutex, NULL);
  pthread_cond_init(&e->changed, NULL);
  for (int r = 0; r < ranks; ++r) {
    e->members[r] = (engine_rank){.engine = e, .rank = r, .context = context};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[r], NULL, run_rank, &e->members[r]), 0);
  }
  for (int r = 0; r < ranks; ++r) pthread_join(threads[r], NULL);
  pthread_cond_destroy(&e->changed);
  pthread_mutex_destroy(&e->mutex);
}
