// Memory that a thread keeps for its kernels, and rows worth a thread.
#pragma once

#include <algorithm>
#include <vector>

#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/math/aligned.h"
#include "harness/math/matrix.h"

namespace evalharness {

// Memory that one use of a thread after the other reuses. `Tag` tells uses at the same time apart.
template <class T, class Tag>
T* scratch(size_t size) {
  thread_local AlignedVector<T> memory;
  if (memory.size() < size) memory.resize(size);
  return memory.data();
}

// Activations between two children of a combinator, from a stack of buffers of this thread: a combinator inside
// another takes the next one.
class Between {
 public:
  Between(size_t rows, size_t cols) : rows_(rows), cols_(cols) {
    if (buffers().size() == depth()) buffers().emplace_back();
    AlignedVector<float>& buffer = buffers()[depth()++];
    if (buffer.size() < rows * cols) buffer.resize(rows * cols);
    data_ = buffer.data();
  }
  ~Between() { --depth(); }
  Between(const Between&) = delete;
  Between& operator=(const Between&) = delete;

  MutableMatrixView view() const { return {data_, rows_, cols_, cols_}; }

 private:
  static std::vector<AlignedVector<float>>& buffers() {
    thread_local std::vector<AlignedVector<float>> all;
    return all;
  }
  static size_t& depth() {
    thread_local size_t used = 0;
    return used;
  }
  size_t rows_, cols_;
  float* data_ = nullptr;
};

// body(row) for each row of `cols` values, in chunks that are worth a thread: a few tokens of decoding stay on this one.
template <class Body>
void for_rows(size_t rows, size_t cols, const Body& body) {
  constexpr size_t kValuesATask = 16384;
  const size_t chunk = std::max<size_t>(1, kValuesATask / std::max<size_t>(1, cols));
  if (rows <= chunk) {
    for (size_t row = 0; row < rows; ++row) body(row);
    return;
  }
  parallel_for(ceil_div(rows, chunk), [&](size_t task) {
    const size_t end = std::min(rows, (task + 1) * chunk);
    for (size_t row = task * chunk; row < end; ++row) body(row);
  });
}

}  // namespace evalharness
