#include "harness/base/rng.h"

#include <bit>
#include <cmath>
#include <unordered_set>

#include "harness/base/error.h"

namespace evalharness {
namespace {

// SplitMix64 (S. Vigna, public domain): spreads one word over many.
uint64_t split_mix(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// FNV-1a.
uint64_t hash(std::string_view text) {
  uint64_t value = 0xCBF29CE484222325u;
  for (const char c : text) value = (value ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return value;
}

double uniform_from(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

// MT19937's first seeding, from one word.
void seed_from_word(std::array<uint32_t, 624>& state, uint32_t word) {
  state[0] = word;
  for (uint32_t i = 1; i < 624; ++i)
    state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
}

// MT19937's init_by_array (Matsumoto and Nishimura, 2002).
void seed_from_key(std::array<uint32_t, 624>& state, std::span<const uint32_t> key) {
  seed_from_word(state, 19650218u);
  const auto wrapped = [&](size_t i) {
    if (i < 624) return i;
    state[0] = state[623];
    return size_t{1};
  };
  size_t i = 1;
  for (size_t k = 0; k < 624; ++k) {  // 624 is more than any key here has words
    const size_t j = k % key.size();
    const uint32_t mixed = (state[i - 1] ^ (state[i - 1] >> 30)) * 1664525u;
    state[i] = (state[i] ^ mixed) + key[j] + static_cast<uint32_t>(j);
    i = wrapped(i + 1);
  }
  for (size_t k = 0; k < 623; ++k) {
    const uint32_t mixed = (state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941u;
    state[i] = (state[i] ^ mixed) - static_cast<uint32_t>(i);
    i = wrapped(i + 1);
  }
  state[0] = 0x80000000u;
}

void twist(std::array<uint32_t, 624>& state) {
  for (size_t i = 0; i < 624; ++i) {
    const uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % 624] & 0x7FFFFFFFu);
    state[i] = state[(i + 397) % 624] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908B0DFu : 0u);
  }
}

// CPython picks from a shrinking pool for small n and remembers what it drew for large n; the two
// draw differently, so the border is part of the rule: 21, plus the least power of 4 that is >= 3
// k.
bool samples_from_pool(size_t n, size_t count) {
  size_t border = 21;
  if (count > 5) {
    size_t power = 1;
    while (power < 3 * count) power *= 4;
    border += power;
  }
  return n <= border;
}

}  // namespace

Rng::Rng(uint64_t seed, std::string_view purpose, uint64_t index) {
  uint64_t mixed = seed;
  mixed = split_mix(mixed) ^ hash(purpose);
  mixed = split_mix(mixed) ^ index;
  for (uint64_t& word : state_) word = split_mix(mixed);
}

// xoshiro256** (D. Blackman and S. Vigna, 2018, public domain).
uint64_t Rng::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Rng::below(uint64_t n) {
  EH_ASSERT(n > 0);
  const uint64_t rest = (0 - n) % n;  // 2^64 mod n: as many low draws would tip the scales
  uint64_t bits = next();
  while (bits < rest) bits = next();
  return bits % n;
}

double Rng::uniform() { return uniform_from(next()); }

// Marsaglia's polar method; the second value of each pair is dropped so that a draw depends on
// nothing but the state.
double Rng::normal() {
  while (true) {
    const double u = 2 * uniform() - 1;
    const double v = 2 * uniform() - 1;
    const double s = u * u + v * v;
    if (s > 0 && s < 1) return u * std::sqrt(-2 * std::log(s) / s);
  }
}

PythonRandom::PythonRandom(uint64_t seed) : position_(624) {
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed),
                                       static_cast<uint32_t>(seed >> 32)};
  seed_from_key(state_, std::span(key).first(key[1] != 0 ? 2 : 1));
}

uint32_t PythonRandom::next32() {
  if (position_ == 624) {
    twist(state_);
    position_ = 0;
  }
  uint32_t y = state_[position_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680u;
  y ^= (y << 15) & 0xEFC60000u;
  return y ^ (y >> 18);
}

uint64_t PythonRandom::getrandbits(int bits) {
  EH_ASSERT(bits >= 1 && bits <= 64);
  if (bits <= 32) return next32() >> (32 - bits);
  const uint64_t low = next32();
  const uint64_t high = next32() >> (64 - bits);
  return low | (high << 32);
}

uint64_t PythonRandom::randbelow(uint64_t n) {
  EH_ASSERT(n > 0);
  const auto bits = static_cast<int>(std::bit_width(n));
  uint64_t drawn = getrandbits(bits);
  while (drawn >= n) drawn = getrandbits(bits);
  return drawn;
}

int64_t PythonRandom::randint(int64_t low, int64_t high) {
  EH_ASSERT(low <= high);
  const uint64_t width = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  return static_cast<int64_t>(static_cast<uint64_t>(low) + randbelow(width));
}

double PythonRandom::random() {
  const uint64_t high = next32() >> 5;
  const uint64_t low = next32() >> 6;
  return static_cast<double>((high << 26) + low) * 0x1p-53;
}

std::vector<size_t> PythonRandom::sample(size_t n, size_t count) {
  EH_ASSERT(count <= n);
  std::vector<size_t> result;
  result.reserve(count);
  if (samples_from_pool(n, count)) {
    std::vector<size_t> pool(n);
    for (size_t i = 0; i < n; ++i) pool[i] = i;
    for (size_t i = 0; i < count; ++i) {
      size_t& drawn = pool[randbelow(n - i)];
      result.push_back(drawn);
      drawn = pool[n - i - 1];
    }
    return result;
  }
  std::unordered_set<size_t> seen;
  while (result.size() < count) {
    const size_t drawn = randbelow(n);
    if (seen.insert(drawn).second) result.push_back(drawn);
  }
  return result;
}

std::vector<size_t> PythonRandom::choices(size_t n, size_t count) {
  std::vector<size_t> result(count);
  for (size_t& drawn : result) drawn = static_cast<size_t>(random() * static_cast<double>(n));
  return result;
}

void PythonRandom::shuffle(std::span<size_t> items) {
  for (size_t i = items.size(); i-- > 1;) std::swap(items[i], items[randbelow(i + 1)]);
}

}  // namespace evalharness
