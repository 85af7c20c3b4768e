#include "harness/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/integers.h"

namespace evalharness {
namespace {

// A decoder comes back after some microseconds; waking a thread that sleeps costs about fifty.
constexpr auto kSpin = std::chrono::microseconds(60);

thread_local size_t current_worker = 0;
thread_local bool inside_body = false;

// Ends a body's mark even when it throws.
struct InsideBody {
  InsideBody() { inside_body = true; }
  ~InsideBody() { inside_body = false; }
};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// True as soon as done() is; false when it was not for kSpin.
template <class Condition>
bool spin_until(Condition done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  while (true) {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      relax();
    }
    if (std::chrono::steady_clock::now() > end) return false;
  }
}

// One call of parallel_for. Every thread has a share of the indices, the same part of them in each call: what it writes in one it
// finds in its own cache in the next. It takes a part of what is left at a time, in rising order, so that those who are done early help the others.
class Job {
 public:
  Job(size_t n, const std::function<void(size_t)>& body, size_t threads) : body_(body), shares_(threads), failed_at_(n) {
    for (size_t t = 0; t < threads; ++t) {
      shares_[t].next = n * t / threads;
      shares_[t].end = n * (t + 1) / threads;
    }
  }

  // Runs bodies until none is left to hand out.
  void work(size_t thread) {
    const InsideBody mark;
    for (size_t i = 0; i < shares_.size(); ++i) take_all(shares_[(thread + i) % shares_.size()]);
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  struct alignas(64) Share {
    std::atomic<size_t> next = 0;
    size_t end = 0;
  };

  void take_all(Share& share) {
    constexpr size_t kParts = 3;
    for (size_t first = share.next.load(std::memory_order_relaxed); first < share.end;) {
      const size_t last = first + ceil_div(share.end - first, kParts);
      if (!share.next.compare_exchange_weak(first, last, std::memory_order_relaxed)) continue;
      for (size_t i = first; i < last; ++i) run(i);
      first = share.next.load(std::memory_order_relaxed);
    }
  }

  // Only what is behind one that threw is left out, so the lowest that throws is found whatever the timing.
  void run(size_t i) {
    if (i > failed_at_.load(std::memory_order_relaxed)) return;
    try {
      body_(i);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (i >= failed_at_) return;
      failed_at_ = i;
      error_ = std::current_exception();
    }
  }

  const std::function<void(size_t)>& body_;
  std::vector<Share> shares_;
  std::atomic<size_t> failed_at_;
  std::mutex mutex_;
  std::exception_ptr error_;
};

// Threads that wait at a gate. The gate is one word, so that joining a job, closing it and counting
// who is inside are single atomic steps:
//   bits 0..11 workers inside, bit 12 open, bits 13..31 number of the job (it may wrap: a worker
//   that mistakes a job for its last one only fails to help).
class Pool {
 public:
  explicit Pool(size_t workers) {
    EH_ASSERT(workers < kOpen);
    for (size_t i = 0; i < workers; ++i) threads_.emplace_back([this, i] { serve(i + 1); });
  }
  ~Pool() {
    stop_ = true;
    gate_ += kNextJob;
    gate_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void run(Job& job, size_t n) {
    job_ = &job;
    gate_ += kNextJob | kOpen;
    wake(std::min(n - 1, threads_.size()));
    job.work(0);
    gate_ &= ~kOpen;
    wait_until_empty();
  }

 private:
  static constexpr uint32_t kOpen = 1u << 12;
  static constexpr uint32_t kNextJob = 1u << 13;
  static uint32_t job_number(uint32_t gate) { return gate / kNextJob; }
  static uint32_t inside(uint32_t gate) { return gate % kOpen; }

  void wake(size_t workers) {
    if (workers == threads_.size()) {
      gate_.notify_all();
    } else {
      for (size_t i = 0; i < workers; ++i) gate_.notify_one();
    }
  }

  void wait_until_empty() {
    const auto empty = [this] { return inside(gate_) == 0; };
    if (spin_until(empty)) return;
    while (true) {
      const uint32_t seen = departures_;
      if (empty()) return;
      departures_.wait(seen);
    }
  }

  void serve(size_t index) {
    current_worker = index;
    uint32_t last = 0;
    while (true) {
      last = wait_for_job_after(last);
      if (stop_) return;
      if (!enter()) continue;
      job_->work(index);
      leave();
    }
  }

  uint32_t wait_for_job_after(uint32_t last) {
    const auto changed = [&] { return job_number(gate_) != last; };
    if (!spin_until(changed)) {
      while (true) {
        const uint32_t seen = gate_;
        if (job_number(seen) != last) break;
        gate_.wait(seen);
      }
    }
    return job_number(gate_);
  }

  bool enter() {
    uint32_t seen = gate_;
    while ((seen & kOpen) != 0)
      if (gate_.compare_exchange_weak(seen, seen + 1)) return true;
    return false;
  }

  void leave() {
    const uint32_t left = --gate_;
    if ((left & kOpen) != 0 || inside(left) != 0) return;
    ++departures_;
    departures_.notify_all();
  }

  std::atomic<uint32_t> gate_ = 0;
  std::atomic<uint32_t> departures_ = 0;  // the caller sleeps on it
  std::atomic<bool> stop_ = false;
  Job* job_ = nullptr;  // written before the gate opens, read only by those inside
  std::vector<std::thread> threads_;
};

size_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof(cores), &cores) == 0)
    return std::max<size_t>(1, static_cast<size_t>(CPU_COUNT(&cores)));
  return std::max<size_t>(1, std::thread::hardware_concurrency());  // more cores than a set holds
}

struct State {
  std::mutex mutex;  // one job at a time
  std::atomic<size_t> threads = usable_cores();
  std::unique_ptr<Pool> pool;  // made at the first use
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

size_t thread_count() { return state().threads; }

void set_thread_count(size_t threads) {
  EH_ASSERT(threads > 0 && !inside_body);
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  if (threads == shared.threads) return;
  shared.pool.reset();
  shared.threads = threads;
}

void parallel_for(size_t n, const std::function<void(size_t)>& body) {
  State& shared = state();
  if (n <= 1 || inside_body || shared.threads == 1) {
    for (size_t i = 0; i < n; ++i) body(i);
    return;
  }
  const std::lock_guard lock(shared.mutex);
  if (!shared.pool) shared.pool = std::make_unique<Pool>(shared.threads - 1);
  Job job(n, body, shared.threads);
  shared.pool->run(job, n);
  job.rethrow();
}

size_t worker_index() { return current_worker; }

}  // namespace evalharness
