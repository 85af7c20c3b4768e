#include "harness/calib/inputs.h"

#include <algorithm>
#include <cmath>

#include "harness/base/integers.h"
#include "harness/base/parallel.h"

namespace evalharness {
namespace {

constexpr size_t kColumnChunk = 64;

// take(to[j], x(i, j)) for every value, a column's from the first row to the last.
template <class T, class Take>
void take_columns(MatrixView x, std::vector<T>& to, const Take& take) {
  to.resize(x.cols);
  parallel_for(ceil_div(x.cols, kColumnChunk), [&](size_t chunk) {
    const size_t first = chunk * kColumnChunk, end = std::min(x.cols, first + kColumnChunk);
    for (size_t i = 0; i < x.rows; ++i)
      for (size_t j = first; j < end; ++j) take(to[j], x(i, j));
  });
}

}  // namespace

void Inputs::add(MatrixView x) {
  // Squares always: what is not finite shows in them.
  take_columns(x, squares_, [](double& sum, float value) { sum += static_cast<double>(value) * static_cast<double>(value); });
  if (needs_.column_means) take_columns(x, sums_, [](double& sum, float value) { sum += static_cast<double>(value); });
  if (needs_.column_magnitudes) take_columns(x, magnitudes_, [](double& sum, float value) { sum += std::abs(static_cast<double>(value)); });
  if (needs_.column_maxima) take_columns(x, maxima_, [](float& most, float value) { most = std::max(most, std::abs(value)); });
  if (needs_.gram) {
    if (gram_.rows() == 0) gram_ = DoubleMatrix(x.cols, x.cols);
    add_gram(x, gram_);
  }
  keep_some(x);
  look_for_broken(x);
  tokens_ += x.rows;
}

void Inputs::look_for_broken(MatrixView x) {
  if (broken_token_ || std::ranges::all_of(squares_, [](double sum) { return std::isfinite(sum); })) return;
  size_t row = 0;
  while (std::ranges::all_of(x.row(row), [](float value) { return std::isfinite(value); })) ++row;
  broken_token_ = tokens_ + row;
}

void Inputs::keep_some(MatrixView x) {
  const size_t more = std::min(x.rows, needs_.some_tokens - some_.rows());
  if (more == 0) return;
  Matrix longer(some_.rows() + more, x.cols);
  std::ranges::copy(some_.values(), longer.values().begin());
  for (size_t i = 0; i < more; ++i) std::ranges::copy(x.row(i), longer.row(some_.rows() + i).begin());
  some_ = std::move(longer);
}

void Inputs::finish() { mirror_upper(gram_); }

std::vector<float> Inputs::column_norms() const {
  EH_ASSERT(needs_.column_norms);
  std::vector<float> norms;
  for (const double sum : squares_) norms.push_back(static_cast<float>(std::sqrt(sum / static_cast<double>(samples_))));
  return norms;
}

const std::vector<float>& Inputs::column_maxima() const {
  EH_ASSERT(needs_.column_maxima);
  return maxima_;
}

std::vector<double> Inputs::column_means() const {
  EH_ASSERT(needs_.column_means);
  std::vector<double> means;
  for (const double sum : sums_) means.push_back(sum / static_cast<double>(tokens_));
  return means;
}

std::vector<double> Inputs::column_variances() const {
  const std::vector<double> means = column_means();
  std::vector<double> variances;
  for (size_t j = 0; j < means.size(); ++j)
    variances.push_back(std::max(0.0, squares_[j] / static_cast<double>(tokens_) - means[j] * means[j]));
  return variances;
}

std::vector<double> Inputs::column_magnitudes() const {
  EH_ASSERT(needs_.column_magnitudes);
  std::vector<double> means;
  for (const double sum : magnitudes_) means.push_back(sum / static_cast<double>(tokens_));
  return means;
}

}  // namespace evalharness
