// Randomness. The numbers of PythonRandom were made with CPython 3.11, each by the line above it,
// after `from random import Random; r = Random(seed)`.
#include "harness/base/rng.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

using namespace evalharness;

namespace {

using Indices = std::vector<size_t>;

Indices shuffled(uint64_t seed, size_t n) {
  Indices items(n);
  std::iota(items.begin(), items.end(), size_t{0});
  PythonRandom(seed).shuffle(items);
  return items;
}

std::vector<int64_t> five_of_randint(uint64_t seed) {
  PythonRandom random(seed);
  std::vector<int64_t> drawn(5);
  for (int64_t& value : drawn) value = random.randint(-5, 1000);
  return drawn;
}

double after_a_thousand(uint64_t seed) {
  PythonRandom random(seed);
  for (int i = 0; i < 1000; ++i) random.random();
  return random.random();
}

}  // namespace

TEST_CASE("random() is CPython's", "[rng]") {
  // [r.random(), r.random(), r.random()]
  PythonRandom zero(0), answer(42), count(1234), wide((uint64_t{1} << 40) + 5);
  CHECK(zero.random() == 0.8444218515250481);
  CHECK(zero.random() == 0.7579544029403025);
  CHECK(zero.random() == 0.420571580830845);
  CHECK(answer.random() == 0.6394267984578837);
  CHECK(count.random() == 0.9664535356921388);
  CHECK(wide.random() == 0.5043802970418443);
  // for _ in range(1000): r.random()
  // r.random()
  CHECK(after_a_thousand(0) == 0.9466893945947962);
  CHECK(after_a_thousand(42) == 0.09935462460613032);
  CHECK(after_a_thousand(1234) == 0.13002727226621502);
}

TEST_CASE("randint and getrandbits are CPython's", "[rng]") {
  // [r.randint(-5, 1000) for _ in range(5)]
  CHECK(five_of_randint(0) == std::vector<int64_t>{859, 389, 771, 906, 425});
  CHECK(five_of_randint(42) == std::vector<int64_t>{649, 109, 20, 754, 276});
  CHECK(five_of_randint(1234) == std::vector<int64_t>{984, 791, 446, 114, 2});
  // r.getrandbits(1), r.getrandbits(32), r.getrandbits(33), r.getrandbits(64)
  PythonRandom random(42);
  CHECK(random.getrandbits(1) == 1);
  CHECK(random.getrandbits(32) == 478163327);
  CHECK(random.getrandbits(33) == 4402387665);
  CHECK(random.getrandbits(64) == 4517457392071889495);
}

TEST_CASE("sample is CPython's where it draws from a set", "[rng]") {
  // r.sample(range(7473), 5)
  CHECK(PythonRandom(0).sample(7473, 5) == Indices{6917, 3155, 6209, 7292, 3445});
  CHECK(PythonRandom(42).sample(7473, 5) == Indices{5238, 912, 204, 6074, 2253});
  CHECK(PythonRandom(1234).sample(7473, 5) == Indices{6374, 3610, 957, 61, 742});
}

TEST_CASE("sample is CPython's where it draws from a pool", "[rng]") {
  // r.sample(range(30), 10)
  CHECK(PythonRandom(0).sample(30, 10) == Indices{27, 12, 24, 13, 1, 8, 16, 15, 28, 9});
  CHECK(PythonRandom(42).sample(30, 10) == Indices{20, 3, 0, 23, 8, 7, 24, 4, 28, 17});
  CHECK(PythonRandom(1234).sample(30, 10) == Indices{24, 14, 3, 0, 2, 18, 1, 21, 25, 27});
}

TEST_CASE("the pool ends where CPython's does", "[rng]") {
  const uint64_t seed = (uint64_t{1} << 40) + 5;
  // r.sample(range(85), 6), then of a fresh r: r.sample(range(86), 6)
  CHECK(PythonRandom(seed).sample(85, 6) == Indices{64, 66, 34, 3, 67, 5});
  CHECK(PythonRandom(seed).sample(86, 6) == Indices{64, 66, 34, 84, 3, 67});
}

TEST_CASE("choices and shuffle are CPython's", "[rng]") {
  // r.choices(range(10), k=8)
  CHECK(PythonRandom(0).choices(10, 8) == Indices{8, 7, 4, 2, 5, 4, 7, 3});
  CHECK(PythonRandom(42).choices(10, 8) == Indices{6, 0, 2, 2, 7, 6, 8, 0});
  CHECK(PythonRandom(1234).choices(10, 8) == Indices{9, 4, 0, 9, 9, 5, 6, 0});
  // v = list(range(10)); r.shuffle(v); v
  CHECK(shuffled(0, 10) == Indices{7, 8, 1, 5, 3, 4, 2, 0, 9, 6});
  CHECK(shuffled(42, 10) == Indices{7, 3, 2, 8, 5, 6, 9, 4, 0, 1});
  CHECK(shuffled(1234, 10) == Indices{2, 8, 3, 5, 6, 4, 9, 0, 1, 7});
}

TEST_CASE("the same key gives the same stream, another key another", "[rng]") {
  Rng a(7, "calib.sample", 3), b(7, "calib.sample", 3);
  for (int i = 0; i < 100; ++i) CHECK(a.next() == b.next());
  const uint64_t first = Rng(7, "calib.sample", 3).next();
  CHECK(first != Rng(8, "calib.sample", 3).next());
  CHECK(first != Rng(7, "calib.samples", 3).next());
  CHECK(first != Rng(7, "calib.sample", 4).next());
}

// Tolerances are five standard errors.
TEST_CASE("draws have the moments of their distribution", "[rng]") {
  constexpr int kDraws = 100000;
  Rng rng(1, "test.moments");
  double uniform_sum = 0, normal_sum = 0, square_sum = 0;
  std::vector<double> counts(6, 0);
  for (int i = 0; i < kDraws; ++i) {
    const double uniform = rng.uniform(), normal = rng.normal();
    REQUIRE((uniform >= 0 && uniform < 1));
    uniform_sum += uniform;
    normal_sum += normal;
    square_sum += normal * normal;
    ++counts.at(rng.below(6));
  }
  CHECK(uniform_sum / kDraws == Approx(0.5).margin(5 * std::sqrt(1.0 / 12 / kDraws)));
  CHECK(normal_sum / kDraws == Approx(0).margin(5 * std::sqrt(1.0 / kDraws)));
  CHECK(square_sum / kDraws == Approx(1).margin(5 * std::sqrt(2.0 / kDraws)));
  for (const double count : counts)
    CHECK(count == Approx(kDraws / 6.0).margin(5 * std::sqrt(kDraws * 5.0 / 36)));
}
