// Randomness, keyed by purpose and content, never by order of calls or thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace evalharness {

// Own generator: Rng(seed, "calib.sample", index). The same key gives the same stream on every
// machine.
class Rng {
 public:
  Rng(uint64_t seed, std::string_view purpose, uint64_t index = 0);
  uint64_t next();             // 64 uniform bits
  uint64_t below(uint64_t n);  // uniform in [0, n), by rejection; n > 0
  double uniform();            // [0, 1), 53 bits
  double normal();             // N(0, 1)

 private:
  uint64_t state_[4];
};

// CPython's random.Random: MT19937 seeded by init_by_array, so that published draws can be met
// (calibration samples of Wanda, GPTQ; few-shot draws of lm-evaluation-harness; its bootstrap).
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);                // random.seed(int), seed >= 0
  uint64_t getrandbits(int bits);                      // 1..64
  uint64_t randbelow(uint64_t n);                      // random._randbelow(n), n > 0
  int64_t randint(int64_t low, int64_t high);          // both ends included
  double random();                                     // [0, 1)
  std::vector<size_t> sample(size_t n, size_t count);  // indices of random.sample(range(n), count)
  std::vector<size_t> choices(size_t n,
                              size_t count);  // indices of random.choices(range(n), k=count)
  void shuffle(std::span<size_t> items);      // random.shuffle

 private:
  uint32_t next32();
  std::array<uint32_t, 624> state_;
  size_t position_;
};

}  // namespace evalharness
