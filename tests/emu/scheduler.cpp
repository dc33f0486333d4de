// Chooses the thread that runs next. The seed selects one of five policies and its random numbers,
// so that within a few seeds a wrong kernel runs in the schedule that shows its error.
#include <vector>

#include "engine.h"
#include "fibers.h"

namespace emu {

namespace {

enum class Policy {
  kInOrder,      // one block after the other, threads in order
  kNewestFirst,  // the thread that became runnable last; blocks from the end
  kUniform,      // any thread
  kStarveWarp,   // any thread, but one warp only rarely
};

constexpr unsigned kPolicyCount = 5;  // kStarveWarp has two of them
constexpr unsigned kYieldLimit = 50000000;

unsigned seed = 0;  // 0: not chosen yet
unsigned window = 0;
Policy policy;
unsigned starved_warp;
unsigned yield_count;
uint64_t random_state = 1;
Fiber host_fiber;

// A ring of threads: every switch passes through it.
class RunQueue {
 public:
  size_t size() const { return tail_ - head_; }
  bool empty() const { return head_ == tail_; }
  Thread *&operator[](size_t position) { return ring_[(head_ + position) & mask_]; }

  void push(Thread *thread) {
    if (size() == ring_.size()) grow();
    ring_[tail_++ & mask_] = thread;
  }

  void push_first(Thread *thread) {
    if (size() == ring_.size()) grow();
    if (head_ == 0) {
      head_ += ring_.size();
      tail_ += ring_.size();
    }
    ring_[--head_ & mask_] = thread;
  }

  Thread *take_first() { return ring_[head_++ & mask_]; }

  // The last one fills the gap.
  Thread *take(size_t position) {
    Thread *thread = (*this)[position];
    (*this)[position] = ring_[(tail_ - 1) & mask_];
    --tail_;
    return thread;
  }

 private:
  void grow() {
    std::vector<Thread *> larger(2 * ring_.size());
    const size_t count = size();
    for (size_t i = 0; i < count; ++i) larger[i] = (*this)[i];
    ring_.swap(larger);
    mask_ = ring_.size() - 1;
    head_ = 0;
    tail_ = count;
  }

  std::vector<Thread *> ring_ = std::vector<Thread *>(1024);
  size_t mask_ = 1023;
  size_t head_ = 0;
  size_t tail_ = 0;
};

RunQueue run_queue;

// This avoids the division of the % operator.
size_t random_position(size_t count) {
  return static_cast<size_t>(((random_number() >> 32) * count) >> 32);
}

size_t avoid_starved_warp(size_t position) {
  // Not forever: a spin-wait on the starved warp must end.
  if (random_number() % 64 == 0) return position;
  for (int tries = 0; tries < 16 && run_queue[position]->warp == starved_warp; ++tries) {
    position = random_position(run_queue.size());
  }
  return position;
}

}  // namespace

uint64_t random_number() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static unsigned schedule_seed() {
  if (seed == 0) seed = static_cast<unsigned>(environment_number("CUBN_EMU_SEED", 1));
  return seed;
}

unsigned resident_window() {
  if (policy == Policy::kInOrder) return 1;
  if (window == 0) window = static_cast<unsigned>(environment_number("CUBN_EMU_WINDOW", 4));
  return window;
}

void schedule_begin(unsigned threads_per_block) {
  launch_seed = schedule_seed();
  random_state = launch_seed * 0x9E3779B97F4A7C15ull + 0x1234567;
  for (int i = 0; i < 8; ++i) random_number();
  const unsigned number = launch_seed % kPolicyCount;
  policy = static_cast<Policy>(number < 4 ? number : 3);
  starved_warp = static_cast<unsigned>(random_number() % ((threads_per_block + 31) / 32));
  yield_count = 0;
  sync_sequence = 1;
}

bool schedule_preempts() {
  return policy == Policy::kUniform || policy == Policy::kStarveWarp;
}

BlockOrder schedule_block_order() {
  if (policy == Policy::kInOrder) return BlockOrder::kForward;
  return policy == Policy::kNewestFirst ? BlockOrder::kBackward : BlockOrder::kShuffled;
}

bool any_thread_runnable() {
  return !run_queue.empty();
}

Thread *pick_thread() {
  if (run_queue.empty()) return nullptr;
  if (policy == Policy::kInOrder) {
    return run_queue.take_first();
  }
  if (policy == Policy::kNewestFirst) return run_queue.take(run_queue.size() - 1);
  const size_t position = random_position(run_queue.size());
  return run_queue.take(policy == Policy::kUniform ? position : avoid_starved_warp(position));
}

void make_runnable(Thread *thread) {
  thread->state = ThreadState::kRunnable;
  run_queue.push(thread);
}

// A null thread is the host's own stack.
static void switch_to(Thread *next, bool current_ends) {
  Thread *previous = current_thread;
  if (previous == next) return;
  ++current_counts.fiber_switches;
  current_thread = next;
  switch_fiber(previous != nullptr ? previous->fiber : host_fiber,
               next != nullptr ? next->fiber : host_fiber, current_ends);
  if (previous != nullptr) {
    threadIdx = previous->thread_index;
    blockIdx = previous->block_index;
  }
}

void switch_thread(Thread *next) {
  switch_to(next, false);
}

void wait_here() {
  switch_to(pick_thread(), false);
}

void leave_fiber(Thread *next) {
  switch_to(next, true);
  fail("emulator", "a finished thread was resumed");
}

static void count_yield() {
  if (++yield_count > kYieldLimit) {
    fail("livelock", "%u yields in one launch: a spin-wait that never ends?", yield_count);
  }
}

void yield() {
  if (current_thread == nullptr) return;
  count_yield();
  run_queue.push(current_thread);
  wait_here();
}

// All other threads run first: if the newest thread ran first, it would wait forever.
void sleep() {
  if (current_thread == nullptr) return;
  count_yield();
  if (policy == Policy::kNewestFirst) {
    run_queue.push_first(current_thread);
  } else {
    run_queue.push(current_thread);
  }
  wait_here();
}

}  // namespace emu

extern "C" void emu_set_seed(unsigned new_seed) {
  emu::seed = new_seed != 0 ? new_seed : 1;
}

extern "C" void emu_set_window(unsigned blocks) {
  emu::window = blocks != 0 ? blocks : 1;
}
