#include "methods/clip_search.h"

#include <algorithm>
#include <cmath>

#include "harness/base/integers.h"
#include "harness/base/parallel.h"

namespace evalharness {
namespace {

constexpr size_t kCandidates = 10;
constexpr size_t kRowsOfPart = 16;
constexpr float kShrink = 0.05f;  // of the range, from one candidate to the next

// X^T X of the inputs of one group.
Matrix gram_of(MatrixView inputs, size_t first, size_t count) {
  DoubleMatrix gram(count, count);
  add_gram({inputs.data + first, inputs.rows, count, inputs.stride}, gram);
  mirror_upper(gram);
  return gram.to_float();
}

// Clamps rows first .. end-1 of one group's weights w [out, group].
void clip_rows(MutableMatrixView w, size_t first, size_t end, const Matrix& h, const Rounding& rounding) {
  const size_t width = h.rows();
  Matrix clamped((end - first) * kCandidates, width), error(clamped.rows(), width);
  for (size_t i = first; i < end; ++i) {
    const std::span<const float> unit = w.row(i);
    float most = 0;
    for (const float value : unit) most = std::max(most, std::abs(value));
    for (size_t candidate = 0; candidate < kCandidates; ++candidate) {
      const float bound = most * (1 - kShrink * static_cast<float>(candidate));
      const size_t row = (i - first) * kCandidates + candidate;
      std::ranges::transform(unit, clamped.row(row).begin(), [&](float x) { return std::clamp(x, -bound, bound); });
      std::ranges::copy(clamped.row(row), error.row(row).begin());
      round_row(error.row(row), rounding);
      for (size_t j = 0; j < width; ++j) error(row, j) -= unit[j];
    }
  }
  const std::vector<double> energies = row_energies(error, h);
  for (size_t i = first; i < end; ++i) {
    const auto of_row = std::span(energies).subspan((i - first) * kCandidates, kCandidates);
    const auto best = static_cast<size_t>(std::ranges::min_element(of_row) - of_row.begin());
    std::ranges::copy(clamped.row((i - first) * kCandidates + best), w.row(i).begin());
  }
}

}  // namespace

Matrix clip_groups(const Matrix& w, MatrixView inputs, const Rounding& rounding) {
  Matrix clipped = w;
  const size_t width = rounding.group == 0 ? w.cols() : rounding.group;
  for (size_t first = 0; first < w.cols(); first += width) {
    const size_t count = std::min(width, w.cols() - first);
    const Matrix h = gram_of(inputs, first, count);
    const MutableMatrixView group{clipped.view().data + first, w.rows(), count, w.cols()};
    parallel_for(ceil_div(w.rows(), kRowsOfPart), [&](size_t tile) {
      clip_rows(group, tile * kRowsOfPart, std::min(w.rows(), (tile + 1) * kRowsOfPart), h, rounding);
    });
  }
  return clipped;
}

}  // namespace evalharness
