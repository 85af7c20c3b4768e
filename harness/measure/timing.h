// Timing of one workload, or of two that are compared. The two alternate A B A B ..., so that
// whatever else happens on the machine, and its clock's drift, meets both alike; their ratio is
// taken pair by pair.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/result/run_result.h"

namespace evalharness {

struct TimingOptions {
  double max_seconds = 10;  // of measuring, warm-up apart; minimum repetitions come first
  size_t min_repetitions = 7;
  size_t max_repetitions = 200;
  double max_warmup_seconds = 5;   // one repetition is always run
  double warmup_tolerance = 0.03;  // warm when medians of successive groups of three differ by less
  std::function<double()> clock;   // seconds; empty: the steady clock. Tests bring their own
};

struct Timing {
  std::vector<double> seconds;  // of each repetition, in order
  Estimate median;              // seconds
  size_t warmup_repetitions = 0;
  bool warm = false;  // the warm-up ended because successive medians agreed
};

struct PairTiming {
  Timing a, b;
  Estimate speedup;  // of b over a: the median of a's seconds / b's, pair by pair
};

// Workloads must be repeatable: each call does the same work from the same state.
std::vector<Timing> time_by_turns(std::span<const std::function<void()>> works,
                                  const TimingOptions& options);
// Of b over a, both timed by turns: the median of a's seconds over b's, pair by pair.
Estimate paired_speedup(const Timing& a, const Timing& b);
Timing time_one(const std::function<void()>& work, const TimingOptions& options);
PairTiming time_pair(const std::function<void()>& a, const std::function<void()>& b,
                     const TimingOptions& options);

// What a reader of a time must know: "the warm-up ended before its times settled", "the interval of its time is wider
// than 10 %"; of a speedup the latter. Empty where there is no doubt.
std::vector<std::string> doubts_of(const Timing& timing);
std::vector<std::string> doubts_of_speedup(const Estimate& speedup);

}  // namespace evalharness
