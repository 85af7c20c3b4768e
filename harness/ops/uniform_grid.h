// The grid of evenly spaced levels that a unit of weights (a row, or a group of neighbours in one)
// is rounded to:
//
//   code = clamp(round_half_even(x / scale) + zero, 0, 2^bits - 1),   value = (code - zero) * scale
//
// Papers that say "round to nearest" differ in how scale and zero come from the unit's range. Each
// way has a constructor here, named after the code that it follows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/ops/stored_grids.h"

namespace evalharness {

// Of a float below 2^22 in magnitude; a larger one stays near itself. Above 2^23 floats are integers, so that adding and
// subtracting as much rounds, in any loop that the compiler makes vectors of.
inline float round_half_even(float x) {
  constexpr float kIntegers = 0x1.8p23f;
  return (x + kIntegers) - kIntegers;
}

struct Range {
  float low = 0, high = 0;
};
Range range_of(std::span<const float> unit);  // of at least one value

// bits is 2..8.
struct UniformGrid {
  size_t bits = 8;
  float scale = 1;
  float zero = 0;  // an integer; the code that stands for 0

  // GPTQ's Quantizer. The range is widened to hold 0; a unit of zeros gets [-1, 1].
  // scale = (high - low) / (2^bits - 1), zero = round(-low / scale).
  static UniformGrid gptq_asymmetric(size_t bits, Range range);
  // GPTQ's Quantizer with `sym`: [-a, a] where a is the largest magnitude, zero = 2^(bits-1). The
  // largest positive value lies half a step beyond the last level. As in the authors' code the
  // lower end stays 0 where nothing is negative, so half of the grid goes unused and the step is
  // half as wide: the values above the middle of such a unit are cut off.
  static UniformGrid gptq_symmetric(size_t bits, Range range);
  // AWQ's pseudo_quantize_tensor with zero point: the range as found. Where it does not hold 0 the
  // zero is clamped to 0..2^bits-1 and the unit saturates.
  static UniformGrid awq_asymmetric(size_t bits, Range range);
  // SmoothQuant's and LLM.int8()'s weights: scale = a / (2^(bits-1) - 1), zero = 2^(bits-1); -a and
  // a are both levels.
  static UniformGrid absmax(size_t bits, Range range);

  // The same grid with the scale that a weight format can store (see stored_scale): round to this
  // one, so that codes are nearest to the levels that will be multiplied.
  UniformGrid as_stored(Dtype dtype) const;

  uint8_t code(float x) const { return static_cast<uint8_t>(level(x)); }
  float value(uint8_t code) const { return (static_cast<float>(code) - zero) * scale; }
  float round(float x) const { return (level(x) - zero) * scale; }

 private:
  // The code as a float.
  float level(float x) const {
    const float last = static_cast<float>((1u << bits) - 1);
    return std::clamp(round_half_even(x / scale) + zero, 0.0f, last);
  }
};

struct Rounding {
  size_t bits = 4;
  size_t group = 0;  // inputs that share a grid; 0: the whole row
  UniformGrid (*fit)(size_t bits, Range range) = UniformGrid::gptq_asymmetric;
  bool symmetric = false;  // the zero is always 2^(bits-1): it is not stored
  // GPTQ's --mse: of the grids fitted to 1, 0.99 .. 0.21 of the range, the one with the least sum of |x - round(x)|^2.4.
  bool mse = false;
  Dtype dtype = Dtype::bf16;

  UniformGrid grid(std::span<const float> unit) const;  // as it is stored
  // The same for a layer of weights of that type.
  Rounding stored_as(Dtype weights) const {
    Rounding rounding = *this;
    rounding.dtype = weights;
    return rounding;
  }
};
// Every weight to the nearest level of its unit's grid.
QuantisedMatrix round_to_grid(MatrixView w, const Rounding& rounding);
// One row of weights in place: the values that those codes stand for.
void round_row(std::span<float> row, const Rounding& rounding);

}  // namespace evalharness
