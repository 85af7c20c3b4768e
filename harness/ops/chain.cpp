#include "harness/ops/chain.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/linalg.h"

namespace evalharness {
namespace {

// Bit i of row k: V(k, i) is not zero. [rank][ceil(in / 64)]
std::vector<uint64_t> support(const Matrix& v, size_t words) {
  std::vector<uint64_t> bits(v.rows() * words);
  for (size_t k = 0; k < v.rows(); ++k) {
    for (size_t i = 0; i < v.cols(); ++i) {
      bits[k * words + i / 64] |= uint64_t{v(k, i) != 0} << (i % 64);
    }
  }
  return bits;
}

size_t count_reached(const Matrix& u, const Matrix& v) {
  const size_t words = (v.cols() + 63) / 64;
  const std::vector<uint64_t> of_v = support(v, words);
  std::vector<size_t> of_row(u.rows());
  parallel_for(u.rows(), [&](size_t o) {
    std::vector<uint64_t> reached(words);
    for (size_t k = 0; k < u.cols(); ++k) {
      if (u(o, k) == 0) continue;
      for (size_t word = 0; word < words; ++word) reached[word] |= of_v[k * words + word];
    }
    for (const uint64_t word : reached) of_row[o] += static_cast<size_t>(std::popcount(word));
  });
  return std::accumulate(of_row.begin(), of_row.end(), size_t{0});
}

LinearPtr load_chain(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  const std::vector<std::string> formats = child_formats(format, 2);
  const StoredTensor& part = stored_part(parts, format, "rank");
  check_part_bytes(part, format, "rank", sizeof(int64_t));
  int64_t rank = 0;
  std::memcpy(&rank, part.bytes.data(), sizeof rank);
  if (rank <= 0) fail(cat(format, ": part 'rank': expected at least 1, got ", rank));
  const size_t between = static_cast<size_t>(rank);
  return make_chain(load_child({formats[0], between, in}, "v.", parts),
                    load_child({formats[1], out, between}, "u.", parts));
}

// Projects on the means of pairs of neighbouring inputs: rank in / 2, orthonormal rows.
LinearPtr nearest_chain(const std::string& format, MatrixView w) {
  const std::vector<std::string> formats = child_formats(format, 2);
  const size_t rank = (w.cols + 1) / 2;
  Matrix v(rank, w.cols), u(w.rows, rank);
  for (size_t i = 0; i < w.cols; ++i) v(i / 2, i) = i + 1 == w.cols && i % 2 == 0 ? 1 : std::sqrt(0.5f);
  for (size_t o = 0; o < w.rows; ++o) {
    for (size_t i = 0; i < w.cols; ++i) u(o, i / 2) += w(o, i) * v(i / 2, i);
  }
  return make_chain(nearest_weight(formats[0], v.view()), nearest_weight(formats[1], u.view()));
}

const RegisterFormat chain_registration(
    {.prefix = "chain(",
     .load = load_chain,
     .examples = {"chain(dense.bf16, dense.bf16)", "chain(dense.f32, int4.g32.f32)",
                  "chain(int8.row.sym.bf16, sparse.bitmask.bf16)"},
     .nearest = nearest_chain});

}  // namespace

LinearPtr make_chain(LinearPtr v, LinearPtr u) {
  if (v->out() != u->in())
    fail(cat("chain: U [", u->out(), ", ", u->in(), "] does not read the ", v->out(), " outputs of V"));
  return std::make_unique<Chain>(std::move(v), std::move(u));
}

Chain::Chain(LinearPtr v, LinearPtr u) : v_(std::move(v)), u_(std::move(u)) {
  EH_ASSERT(v_->out() == u_->in());
  nonzeros_ = count_reached(u_->to_dense(), v_->to_dense());
}

void Chain::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  // double: a rank may be above a thousand
  const DoubleMatrix v(v_->to_dense().view());  // [rank, in]
  Matrix of_ids(ids.size(), v.rows());
  u_->rows(ids, of_ids.view());
  const DoubleMatrix u(of_ids.view());
  constexpr size_t kRows = 64;
  parallel_for(ceil_div(ids.size(), kRows), [&](size_t tile) {
    const size_t first = tile * kRows, count = std::min(kRows, ids.size() - first);
    DoubleMatrix lacking(count, in());
    subtract_product(u.view().rows_from(first, count), v.view(), lacking.view());
    for (size_t row = 0; row < count; ++row)
      for (size_t i = 0; i < in(); ++i) y(first + row, i) = static_cast<float>(-lacking(row, i));
  });
}

Matrix Chain::child_input(size_t child, MatrixView x, const Multiply& multiply) const {
  return child == 0 ? Matrix(x) : multiply(*v_, x);
}

LinearPtr Chain::with_children(std::vector<LinearPtr> children) const {
  EH_ASSERT(children.size() == 2);
  return make_chain(std::move(children[0]), std::move(children[1]));
}

void Chain::save(TensorWriter& to) const {
  const int64_t rank = static_cast<int64_t>(v_->out());
  to.put("rank", {"I64", {1}, std::as_bytes(std::span(&rank, 1))});
  save_child(*v_, "v.", to);
  save_child(*u_, "u.", to);
}

}  // namespace evalharness
