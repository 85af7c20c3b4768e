#include "harness/ops/sparse_nm.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/sparse_24.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

// Bits of the places that output o of a panel stores: its non-zeros, then its first zeros.
void mark_group(const PanelLayout& layout, const std::byte* dense, size_t o, size_t first,
                const Pattern& pattern, std::span<uint64_t> mask) {
  const size_t width = dtype_bytes(layout.dtype);
  const auto place = [&](size_t i) { return layout.place(o, i); };
  const auto is_zero = [&](size_t i) {
    return load_value(layout.dtype, dense + place(i) * width) == 0;
  };
  const auto mark = [&](size_t i) { mask[place(i) / 64] |= uint64_t{1} << place(i) % 64; };
  size_t marked = 0;
  for (size_t i = first; i < first + pattern.m; ++i) {
    if (is_zero(i)) continue;
    mark(i);
    ++marked;
  }
  for (size_t i = first; i < first + pattern.m && marked < pattern.n; ++i) {
    if (!is_zero(i)) continue;
    mark(i);
    ++marked;
  }
  EH_ASSERT(marked == pattern.n);
}

LinearPtr load_nm(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  const Pattern pattern = pattern_of_format(format);
  check_weight_shape(out, in);
  check_pattern(pattern, in);
  const std::string what = cat(format, " [", out, ", ", in, "]");
  MaskedValues weight = load_masked(what, {out, in, dtype_of_format(format)}, parts);
  const PanelLayout& layout = weight.layout;
  for (size_t place = 0; place < layout.panels() * layout.depth(); place += pattern.m) {
    const size_t bits = count_bits({&weight.mask[place], pattern.m});
    if (bits == 64 * pattern.n) continue;
    fail(cat(what, ": part 'mask': panel ", place / layout.depth(), ", input ",
             place % layout.depth(), ": expected ", 64 * pattern.n, " bits, got ", bits));
  }
  return std::make_unique<SparseNmLinear>(pattern, std::move(weight));
}

LinearPtr nearest_nm(const std::string& format, MatrixView w) {
  const Pattern pattern = pattern_of_format(format);
  check_pattern(pattern, w.cols);
  return make_sparse_nm(keep_largest(w, pattern).view(), pattern.n, pattern.m,
                        dtype_of_format(format));
}

const RegisterFormat sparse_nm_registration({.prefix = "sparse.",
                                   .load = load_nm,
                                   .examples = {"sparse.2:4.f32", "sparse.4:8.bf16",
                                                "sparse.4:8.f32", "sparse.1:4.bf16",
                                                "sparse.3:16.bf16"},
                                   .nearest = nearest_nm});

}  // namespace

Pattern pattern_of_format(const std::string& format) {
  const std::vector<std::string> pieces = split(format, ".");
  const std::vector<std::string> sides =
      pieces.size() == 3 ? split(pieces[1], ":") : std::vector<std::string>{};
  Pattern pattern;
  bool fits = sides.size() == 2;
  for (size_t side = 0; fits && side < 2; ++side) {
    const char* const end = sides[side].data() + sides[side].size();
    const auto read = std::from_chars(sides[side].data(), end, side == 0 ? pattern.n : pattern.m);
    fits = read.ec == std::errc() && read.ptr == end;
  }
  if (!fits) {
    fail(cat("unknown weight format '", format, "': expected a name like sparse.2:4.bf16"));
  }
  return pattern;
}

void check_pattern(const Pattern& pattern, size_t in) {
  const auto [n, m] = pattern;
  const std::string what = cat("sparse.", n, ":", m);
  if (std::ranges::find(kPatternGroups, m) == kPatternGroups.end()) {
    fail(cat(what, ": expected groups of 2, 4, 8 or 16, got ", m));
  }
  if (n < 1 || n > m) fail(cat(what, ": expected to keep 1..", m, ", got ", n));
  if (in % m != 0) fail(cat(what, ": expected a multiple of ", m, " inputs, got ", in));
}

void check_fits(MatrixView w, const Pattern& pattern) {
  for (size_t i = 0; i < w.rows; ++i) {
    for (size_t first = 0; first < w.cols; first += pattern.m) {
      const auto group = w.row(i).subspan(first, pattern.m);
      const auto zeros = static_cast<size_t>(std::count(group.begin(), group.end(), 0.0f));
      if (pattern.m - zeros <= pattern.n) continue;
      fail(cat("sparse.", pattern.n, ":", pattern.m, ": row ", i, ", inputs ", first, "..",
               first + pattern.m - 1, ": expected at most ", pattern.n, " non-zeros, got ",
               pattern.m - zeros));
    }
  }
}

Matrix keep_largest(MatrixView w, const Pattern& pattern) {
  Matrix kept(w.rows, w.cols);
  std::vector<size_t> order(pattern.m);
  for (size_t i = 0; i < w.rows; ++i) {
    for (size_t first = 0; first < w.cols; first += pattern.m) {
      std::iota(order.begin(), order.end(), first);
      std::stable_sort(order.begin(), order.end(),
                       [&](size_t a, size_t b) { return std::abs(w(i, a)) > std::abs(w(i, b)); });
      for (size_t j = 0; j < pattern.n; ++j) kept(i, order[j]) = w(i, order[j]);
    }
  }
  return kept;
}

SparseNmLinear::SparseNmLinear(const Pattern& pattern, MaskedValues weight)
    : pattern_(pattern), weight_(std::move(weight)) {
  EH_ASSERT(weight_.layout.depth() % pattern_.m == 0 && kBlock % pattern_.m == 0);
  nonzeros_ = count_nonzeros(weight_);
}

std::string SparseNmLinear::format() const {
  return cat("sparse.", pattern_.n, ":", pattern_.m, ".", dtype_name(weight_.layout.dtype));
}

void SparseNmLinear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    read_masked_row(weight_, id, start(id / 64, 0), y.row(row));
  });
}

LinearPtr make_sparse_nm(MatrixView w, size_t n, size_t m, Dtype dtype) {
  const Pattern pattern{n, m};
  check_weight_shape(w.rows, w.cols);
  check_pattern(pattern, w.cols);
  check_fits(w, pattern);
  if (n == 2 && m == 4 && dtype == Dtype::bf16) return make_sparse_24(w);
  const PanelLayout layout{w.rows, w.cols, dtype};
  return std::make_unique<SparseNmLinear>(
      pattern, pack_masked(w, dtype, [&](const std::byte* dense, std::span<uint64_t> mask) {
        for (size_t o = 0; o < 64; ++o) {
          for (size_t first = 0; first < layout.depth(); first += m) {
            mark_group(layout, dense, o, first, pattern, mask);
          }
        }
      }));
}

}  // namespace evalharness
