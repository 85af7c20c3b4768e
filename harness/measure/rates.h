// Repeating short work for its best rate, and keeping threads apart while that lasts.
#pragma once

#include <sched.h>

#include <cstddef>
#include <functional>

namespace evalharness {

// Per second, over several short repetitions. Other work on the machine only slows a repetition
// down: the best is closest to the machine's limit, the median to what a program can count on.
struct Rate {
  double best = 0, median = 0;
};

double seconds_of(const std::function<void()>& work);
// How many times to do something for a repetition of some milliseconds; `seconds` returns what n
// times last. At least 1.
size_t times_for_repetition(const std::function<double(size_t)>& seconds);
// `amount` is done by one call of `repetition`, which returns its seconds. 5 to 50 repetitions;
// fewer of one that lasts long.
Rate rate_of(double amount, const std::function<double()>& repetition);

// body(0) here where `threads` is 1; by parallel_for where it is thread_count().
void on_threads(size_t threads, const std::function<void(size_t)>& body);

// Holds each thread of parallel_for on a core of its own while it lives. Beside other work the
// scheduler may let two of them share a core for as long as a repetition lasts: a figure of the
// scheduler. One inside another changes nothing: the outer one's cores are not to be taken for all there are.
class PinnedThreads {
 public:
  PinnedThreads();
  ~PinnedThreads();
  PinnedThreads(const PinnedThreads&) = delete;
  PinnedThreads& operator=(const PinnedThreads&) = delete;

 private:
  void each_thread(const std::function<void()>& action) const;
  cpu_set_t nth_core(size_t n) const;

  static size_t alive_;  // used by the main thread only
  size_t threads_;
  cpu_set_t allowed_;
};

}  // namespace evalharness
