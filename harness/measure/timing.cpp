#include "harness/measure/timing.h"

#include <cmath>
#include <span>

#include "harness/base/clock.h"
#include "harness/base/error.h"
#include "harness/measure/statistics.h"

namespace evalharness {
namespace {

constexpr size_t kGroup = 3;  // repetitions of one warm-up median

using Work = std::function<void()>;
using Clock = std::function<double()>;

// Runs all works once, in order, and appends the seconds of each to its list.
class Rounds {
 public:
  Rounds(std::span<const Work> works, const TimingOptions& options)
      : works_(works), clock_(options.clock ? options.clock : Clock(steady_seconds)) {}

  void run(std::vector<std::vector<double>>& seconds) const {
    for (size_t i = 0; i < works_.size(); ++i) {
      const double start = clock_();
      works_[i]();
      seconds[i].push_back(clock_() - start);
    }
  }
  double now() const { return clock_(); }
  size_t size() const { return works_.size(); }

 private:
  std::span<const Work> works_;
  Clock clock_;
};

// Whether the medians of the last two groups agree.
bool settled(const std::vector<double>& seconds, double tolerance) {
  if (seconds.size() < 2 * kGroup) return false;
  const std::span<const double> all(seconds);
  const double last = median(all.last(kGroup));
  const double before = median(all.last(2 * kGroup).first(kGroup));
  return std::abs(last - before) <= tolerance * before;
}

// Rounds until every work is settled or the time is up.
std::vector<Timing> warmed_up(const Rounds& rounds, const TimingOptions& options) {
  std::vector<std::vector<double>> seconds(rounds.size());
  std::vector<Timing> timings(rounds.size());
  const double start = rounds.now();
  bool all_warm = false;
  do {
    rounds.run(seconds);
    all_warm = true;
    for (size_t i = 0; i < rounds.size(); ++i) {
      timings[i].warm = settled(seconds[i], options.warmup_tolerance);
      all_warm = all_warm && timings[i].warm;
    }
  } while (!all_warm && rounds.now() - start < options.max_warmup_seconds);
  for (size_t i = 0; i < rounds.size(); ++i) timings[i].warmup_repetitions = seconds[i].size();
  return timings;
}

}  // namespace

std::vector<Timing> time_by_turns(std::span<const Work> works, const TimingOptions& options) {
  EH_ASSERT(options.min_repetitions > 0 && options.max_repetitions >= options.min_repetitions);
  const Rounds rounds(works, options);
  std::vector<Timing> timings = warmed_up(rounds, options);
  std::vector<std::vector<double>> seconds(works.size());
  const double start = rounds.now();
  while (
      seconds[0].size() < options.min_repetitions ||
      (seconds[0].size() < options.max_repetitions && rounds.now() - start < options.max_seconds)) {
    rounds.run(seconds);
  }
  for (size_t i = 0; i < works.size(); ++i) {
    timings[i].median = median_estimate(seconds[i]);
    timings[i].seconds = std::move(seconds[i]);
  }
  return timings;
}

Estimate paired_speedup(const Timing& a, const Timing& b) {
  std::vector<double> ratios(a.seconds.size());
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] = a.seconds[i] / b.seconds[i];
  return median_estimate(ratios);
}

Timing time_one(const Work& work, const TimingOptions& options) {
  const Work works[] = {work};
  return std::move(time_by_turns(works, options).front());
}

PairTiming time_pair(const Work& a, const Work& b, const TimingOptions& options) {
  const Work works[] = {a, b};
  std::vector<Timing> timings = time_by_turns(works, options);
  PairTiming result{.a = std::move(timings[0]), .b = std::move(timings[1]), .speedup = {}};
  result.speedup = paired_speedup(result.a, result.b);
  return result;
}

std::vector<std::string> doubts_of(const Timing& timing) {
  std::vector<std::string> doubts;
  // Too few repetitions to tell, of a workload that takes long, are no doubt.
  if (!timing.warm && timing.warmup_repetitions >= 2 * kGroup) doubts.push_back("the warm-up ended before its times settled");
  if (is_wide(timing.median)) doubts.push_back("the interval of its time is wider than 10 %");
  return doubts;
}

std::vector<std::string> doubts_of_speedup(const Estimate& speedup) {
  if (!is_wide(speedup)) return {};
  return {"the interval of its speedup is wider than 10 %"};
}

}  // namespace evalharness
