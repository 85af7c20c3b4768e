// Statistics and the timing loop, under a clock that only the workload moves.
#include "harness/measure/timing.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "harness/measure/statistics.h"

using namespace evalharness;

namespace {

std::vector<double> one_to(size_t n) {
  std::vector<double> values(n);
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

// Time passes in a workload and nowhere else.
struct FakeClock {
  double now = 0;
  std::string order;

  std::function<void()> lasting(double seconds, char name) {
    return [this, seconds, name] {
      now += seconds;
      order += name;
    };
  }
  TimingOptions options(size_t min, size_t max) {
    TimingOptions result;
    result.min_repetitions = min;
    result.max_repetitions = max;
    result.clock = [this] { return now; };
    return result;
  }
};

// P(X <= k) by adding products of binomial coefficients, the definition.
double slow_binomial_cdf(size_t k, size_t n, double q) {
  double total = 0;
  for (size_t i = 0; i <= k; ++i) {
    double term = 1;
    for (size_t j = 0; j < i; ++j) {
      term *= static_cast<double>(n - j) / static_cast<double>(i - j) * q;
    }
    for (size_t j = 0; j < n - i; ++j) term *= 1 - q;
    total += term;
  }
  return total;
}

}  // namespace

TEST_CASE("the median of an even number is between the two in the middle", "[measure]") {
  CHECK(median(std::vector<double>{5}) == 5);
  CHECK(median(std::vector<double>{9, 1, 5}) == 5);
  CHECK(median(std::vector<double>{9, 1, 5, 2}) == 3.5);
}

TEST_CASE("equal samples have an interval of no width", "[measure]") {
  const Estimate estimate = median_estimate(std::vector<double>(8, 2.5));
  CHECK(estimate.value == 2.5);
  CHECK(estimate.low == 2.5);
  CHECK(estimate.high == 2.5);
  CHECK(estimate.standard_error == 0.0);
  CHECK(estimate.n == 8);
  CHECK_FALSE(is_wide(estimate));
}

TEST_CASE("the bootstrap interval agrees with the binomial interval of order statistics",
          "[measure]") {
  // For n = 101 the exact 95 % interval of the median is from the 41st to the 61st sample:
  // Bin(101, 1/2) has mean 50.5 and deviation 5.02, so 50.5 -+ 1.96 * 5.02.
  const Estimate estimate = median_estimate(one_to(101));
  CHECK(estimate.value == 51);
  CHECK(*estimate.low == Approx(41).margin(2));
  CHECK(*estimate.high == Approx(61).margin(2));
  CHECK(*estimate.standard_error == Approx(5.02).epsilon(0.1));
  CHECK(median_estimate(one_to(101)) == estimate);  // no draw depends on anything but the samples
}

TEST_CASE("fewer than six samples have a median and no interval", "[measure]") {
  const Estimate estimate = median_estimate(one_to(5));
  CHECK(estimate.value == 3);
  CHECK_FALSE(estimate.low);
  CHECK(is_wide(estimate));
  CHECK(median_estimate({}).reason == "no samples");
}

TEST_CASE("the binomial distribution is that of its definition", "[measure]") {
  CHECK(binomial_cdf(0, 2, 0.25) == Approx(0.5625));
  CHECK(binomial_cdf(1, 2, 0.25) == Approx(0.9375));
  CHECK(binomial_cdf(2, 2, 0.25) == 1);
  CHECK(binomial_cdf(5, 300, 0.03) == Approx(slow_binomial_cdf(5, 300, 0.03)).epsilon(1e-9));
}

TEST_CASE("a percentile needs as many samples as loadgen's bound says", "[measure]") {
  const std::vector<std::pair<double, size_t>> published = {
      {0.90, 64}, {0.95, 130}, {0.97, 219}, {0.99, 662}};
  for (const auto& [p, n] : published) {
    CHECK(percentile_minimum(p) == n);
    CHECK(slow_binomial_cdf(1, n, 1 - p) <= 0.01);
    CHECK(slow_binomial_cdf(1, n - 1, 1 - p) > 0.01);
  }
}

TEST_CASE("a percentile of too few samples is refused with the number needed", "[measure]") {
  const Percentile refused = percentile(one_to(661), 0.99);
  CHECK_FALSE(refused.nearest_rank.value);
  CHECK(refused.nearest_rank.reason == "n/a (need 662)");
  CHECK(refused.conservative.reason == "n/a (need 662)");
}

TEST_CASE("a percentile is the sample at floor(n p), its conservative estimate a larger one",
          "[measure]") {
  // Samples 1..n, so sorted[k] is k + 1. At the least n only the largest sample is safe.
  const Percentile least = percentile(one_to(64), 0.90);
  CHECK(least.nearest_rank.value == 58);  // floor(57.6) = 57
  CHECK(least.conservative.value == 64);
  CHECK(least.nearest_rank.n == 64);
  // floor(70 * 0.9) is 63 whatever binary fractions say.
  CHECK(percentile(one_to(70), 0.90).nearest_rank.value == 64);
  // 1000 samples: the largest t with P(Bin(1000, 0.1) <= t) <= 0.01.
  size_t t = 1;
  while (slow_binomial_cdf(t + 1, 1000, 0.1) <= 0.01) ++t;
  CHECK(percentile(one_to(1000), 0.90).conservative.value == 1000 - static_cast<double>(t) + 1);
  CHECK(percentile(one_to(1000), 0.90).nearest_rank.value == 901);
}

TEST_CASE("the interval of a rate turns that of its time around", "[measure]") {
  Estimate seconds;
  seconds.value = 2;
  seconds.low = 1;
  seconds.high = 4;
  seconds.standard_error = 0.5;
  seconds.n = 9;
  const Estimate rate = rate_estimate(100, seconds);
  CHECK(rate.value == 50);
  CHECK(rate.low == 25);
  CHECK(rate.high == 100);
  CHECK(rate.standard_error == 12.5);
  CHECK(rate.n == 9);
  CHECK(scaled(rate, 2).high == 200);
  CHECK(rate_estimate(100, Estimate::missing("simulated")).reason == "simulated");
}

TEST_CASE("two workloads alternate, in the warm-up too", "[measure]") {
  FakeClock clock;
  const PairTiming timing =
      time_pair(clock.lasting(3, 'a'), clock.lasting(2, 'b'), clock.options(7, 7));
  // Steady times settle after two groups of three. Five seconds are over in the warm-up's first
  // round, and its first round is always run.
  CHECK(timing.a.warmup_repetitions == 1);
  CHECK(clock.order == "abababababababab");
  CHECK(timing.speedup.value == 1.5);
  CHECK(timing.a.median.value == 3);
  CHECK(timing.b.median.value == 2);
  CHECK(timing.b.median.n == 7);
}

TEST_CASE("the warm-up lasts until two groups of three agree", "[measure]") {
  FakeClock clock;
  TimingOptions options = clock.options(7, 7);
  options.max_warmup_seconds = 1000;
  size_t call = 0;
  // 10 10 10 1 1 1 1 1 1 ...: the groups {10, 10, 1} and {1, 1, 1} of calls 2 to 7 have medians 10
  // and 1; {10, 1, 1} and {1, 1, 1} of calls 3 to 8 both have 1.
  const Timing timing = time_one([&] { clock.now += ++call <= 3 ? 10 : 1; }, options);
  CHECK(timing.warmup_repetitions == 8);
  CHECK(timing.warm);
  CHECK(timing.median.value == 1);
  CHECK(doubts_of(timing).empty());
}

TEST_CASE("times that never settle are measured and reported as such", "[measure]") {
  FakeClock clock;
  TimingOptions options = clock.options(8, 8);
  options.max_warmup_seconds = 40;
  double duration = 1;
  const Timing timing = time_one([&] { clock.now += duration *= 1.5; }, options);
  CHECK_FALSE(timing.warm);
  CHECK(doubts_of(timing) == std::vector<std::string>{"the warm-up ended before its times settled",
                                                      "the interval of its time is wider than 10 %"});
}

TEST_CASE("a speedup whose interval is wide is doubted", "[measure]") {
  FakeClock clock;
  double duration = 1;
  // Ratios grow by half from pair to pair, though b's times are steady.
  const PairTiming wide = time_pair([&] { clock.now += duration *= 1.5; }, clock.lasting(1, 'b'), clock.options(8, 8));
  CHECK(doubts_of_speedup(wide.speedup) ==
        std::vector<std::string>{"the interval of its speedup is wider than 10 %"});
  const PairTiming steady = time_pair(clock.lasting(3, 'a'), clock.lasting(2, 'b'), clock.options(7, 7));
  CHECK(doubts_of_speedup(steady.speedup).empty());
}

TEST_CASE("measuring ends with its time, after the least repetitions", "[measure]") {
  FakeClock clock;
  TimingOptions options = clock.options(7, 200);
  options.max_seconds = 30;
  CHECK(time_one(clock.lasting(1, 'a'), options).seconds.size() == 30);
  CHECK(time_one(clock.lasting(60, 'a'), options).seconds.size() == 7);
  options.max_repetitions = 12;
  CHECK(time_one(clock.lasting(1, 'a'), options).seconds.size() == 12);
}

TEST_CASE("a drift that both workloads share leaves their ratio alone", "[measure]") {
  FakeClock clock;
  double slowness = 1;
  const auto work = [&](double seconds) {
    return [&, seconds] { clock.now += seconds * (slowness *= 1.01); };
  };
  const PairTiming timing = time_pair(work(2), work(1), clock.options(20, 20));
  CHECK(*timing.speedup.value == Approx(2 / 1.01));
  CHECK(*timing.speedup.high - *timing.speedup.low == Approx(0).margin(1e-9));
  CHECK(*timing.a.median.high > 1.1 * *timing.a.median.low);
}
