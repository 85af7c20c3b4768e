#include "harness/measure/rates.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/measure/statistics.h"

namespace evalharness {
namespace {

constexpr size_t kMinRepetitions = 5, kMaxRepetitions = 50;
// Of one repetition: short ones fit between the slices of other work.
constexpr double kSeconds = 0.003;
constexpr double kMaxSeconds = 0.15;  // of all repetitions, once there are enough
constexpr double kPatience = 2;       // seconds after which fewer have to do

void pin(const cpu_set_t& cores) { pthread_setaffinity_np(pthread_self(), sizeof(cores), &cores); }

}  // namespace

double seconds_of(const std::function<void()>& work) {
  const double start = steady_seconds();
  work();
  return steady_seconds() - start;
}

size_t times_for_repetition(const std::function<double(size_t)>& seconds) {
  seconds(1);  // wakes threads and wide units, fills caches
  size_t times = 1;
  double lasted = seconds(times);
  // Waking threads is part of short spans: scale only from one that is long beside it.
  while (lasted < kSeconds / 4) {
    times *= 4;
    lasted = seconds(times);
  }
  return std::max<size_t>(1, static_cast<size_t>(static_cast<double>(times) * kSeconds / lasted));
}

Rate rate_of(double amount, const std::function<double()>& repetition) {
  std::vector<double> per_second;
  double total = 0;
  do {
    const double seconds = repetition();
    total += seconds;
    per_second.push_back(amount / seconds);
  } while (per_second.size() < kMinRepetitions
               ? total < kPatience
               : per_second.size() < kMaxRepetitions && total < kMaxSeconds);
  return {*std::max_element(per_second.begin(), per_second.end()), median(per_second)};
}

void on_threads(size_t threads, const std::function<void(size_t)>& body) {
  if (threads == 1) return body(0);
  EH_ASSERT(threads == thread_count());
  parallel_for(threads, body);
}

size_t PinnedThreads::alive_ = 0;

PinnedThreads::PinnedThreads() : threads_(thread_count()) {
  if (alive_++ > 0) return;
  CPU_ZERO(&allowed_);
  pthread_getaffinity_np(pthread_self(), sizeof(allowed_), &allowed_);
  each_thread([this] { pin(nth_core(worker_index())); });
}

PinnedThreads::~PinnedThreads() {
  if (--alive_ > 0) return;
  each_thread([this] { pin(allowed_); });
}

// Bodies wait for each other, so that every thread runs one; not for ever, should one be kept away.
void PinnedThreads::each_thread(const std::function<void()>& action) const {
  std::atomic<size_t> arrived{0};
  const double end = steady_seconds() + 5;
  parallel_for(threads_, [&](size_t) {
    action();
    ++arrived;
    while (arrived < threads_ && steady_seconds() < end) sched_yield();
  });
}

cpu_set_t PinnedThreads::nth_core(size_t n) const {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (size_t core = 0, seen = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed_) && seen++ == n) CPU_SET(core, &one);
  }
  return CPU_COUNT(&one) == 0 ? allowed_ : one;
}

}  // namespace evalharness
