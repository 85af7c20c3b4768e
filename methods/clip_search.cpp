#include "methods/clip_search.h"

#include <algorithm>
#include <cmath>

#include "harness/base/parallel.h"

namespace evalharness {
namespace {

constexpr size_t kCandidates = 10;
constexpr float kShrink = 0.05f;  // of the range, from one candidate to the next

// d^T H d of the part of H that lies behind the first `d.size()` inputs.
double energy(std::span<const float> d, const Matrix& h) {
  double sum = 0;
  for (size_t i = 0; i < d.size(); ++i) {
    float row = 0;
    for (size_t j = 0; j < d.size(); ++j) row += h(i, j) * d[j];
    sum += static_cast<double>(row) * static_cast<double>(d[i]);
  }
  return sum;
}

// X^T X of the inputs of one group.
Matrix gram_of(MatrixView inputs, size_t first, size_t count) {
  DoubleMatrix gram(count, count);
  add_gram({inputs.data + first, inputs.rows, count, inputs.stride}, gram);
  mirror_upper(gram);
  return gram.to_float();
}

// Clamps one group of one row.
void clip(std::span<float> w, const Matrix& h, const Rounding& rounding) {
  const std::vector<float> original(w.begin(), w.end());
  float most = 0;
  for (const float value : w) most = std::max(most, std::abs(value));
  std::vector<float> clamped(w.size()), error(w.size());
  double least = -1;
  for (size_t candidate = 0; candidate < kCandidates; ++candidate) {
    const float bound = most * (1 - kShrink * static_cast<float>(candidate));
    std::ranges::transform(original, clamped.begin(), [&](float x) { return std::clamp(x, -bound, bound); });
    const UniformGrid grid = rounding.fit(rounding.bits, range_of(clamped)).as_stored(rounding.dtype);
    for (size_t j = 0; j < w.size(); ++j) error[j] = grid.round(clamped[j]) - original[j];
    const double found = energy(error, h);
    if (least >= 0 && found >= least) continue;
    least = found;
    std::ranges::copy(clamped, w.begin());
  }
}

}  // namespace

Matrix clip_groups(const Matrix& w, MatrixView inputs, const Rounding& rounding) {
  Matrix clipped = w;
  const size_t width = rounding.group == 0 ? w.cols() : rounding.group;
  for (size_t first = 0; first < w.cols(); first += width) {
    const size_t count = std::min(width, w.cols() - first);
    const Matrix h = gram_of(inputs, first, count);
    parallel_for(w.rows(), [&](size_t i) { clip(clipped.row(i).subspan(first, count), h, rounding); });
  }
  return clipped;
}

}  // namespace evalharness
