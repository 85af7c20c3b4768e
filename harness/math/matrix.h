// Two dimensions are enough. A batch is rows; activations are [tokens, dim], weights [out, in].
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include "harness/base/error.h"

namespace evalharness {

// A view, not an owner: row i starts at data + i * stride (stride in elements, >= cols).
template <class T>
struct MatrixSpan {
  T* data = nullptr;
  size_t rows = 0, cols = 0, stride = 0;

  T& operator()(size_t i, size_t j) const { return data[i * stride + j]; }
  std::span<T> row(size_t i) const { return {data + i * stride, cols}; }
  MatrixSpan rows_from(size_t first, size_t count) const {
    return {data + first * stride, count, cols, stride};
  }
  MatrixSpan columns(size_t first, size_t count) const { return {data + first, rows, count, stride}; }
  operator MatrixSpan<const T>() const { return {data, rows, cols, stride}; }
};
using MatrixView = MatrixSpan<const float>;
using MutableMatrixView = MatrixSpan<float>;

class Matrix {
 public:
  Matrix() = default;
  Matrix(size_t rows, size_t cols) : rows_(rows), cols_(cols), values_(rows * cols) {}
  Matrix(size_t rows, size_t cols, std::initializer_list<float> values)
      : rows_(rows), cols_(cols), values_(values) {
    EH_ASSERT(values_.size() == rows * cols);
  }
  Matrix(size_t rows, size_t cols, std::vector<float> values)
      : rows_(rows), cols_(cols), values_(std::move(values)) {
    EH_ASSERT(values_.size() == rows * cols);
  }
  explicit Matrix(MatrixView from) : Matrix(from.rows, from.cols) {  // a copy
    for (size_t i = 0; i < rows_; ++i)
      std::copy_n(from.data + i * from.stride, cols_, values_.data() + i * cols_);
  }
  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  size_t size() const { return values_.size(); }
  float& operator()(size_t i, size_t j) { return values_[i * cols_ + j]; }
  float operator()(size_t i, size_t j) const { return values_[i * cols_ + j]; }
  std::span<float> row(size_t i) { return {values_.data() + i * cols_, cols_}; }
  std::span<const float> row(size_t i) const { return {values_.data() + i * cols_, cols_}; }
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }
  MatrixView view() const { return {values_.data(), rows_, cols_, cols_}; }
  MutableMatrixView view() { return {values_.data(), rows_, cols_, cols_}; }
  bool operator==(const Matrix&) const = default;

 private:
  size_t rows_ = 0, cols_ = 0;
  std::vector<float> values_;
};

}  // namespace evalharness
