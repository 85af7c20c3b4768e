#include "methods/sparsity.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "harness/base/text.h"
#include "harness/ops/sparse_nm.h"

namespace evalharness {
namespace {


// Zeroes the `count` weights with the lowest scores; of ties the lowest index.
void zero_lowest(std::span<const float> scores, std::span<float> weights, size_t count) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto lower = [&](uint32_t a, uint32_t b) {
    return scores[a] < scores[b] || (scores[a] == scores[b] && a < b);
  };
  std::nth_element(order.begin(), order.begin() + static_cast<ptrdiff_t>(count), order.end(), lower);
  for (size_t i = 0; i < count; ++i) weights[order[i]] = 0;
}

size_t parse_count(const std::string& digits) {
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) return 0;
  return std::stoul(digits);
}

// "; 2:4 fits": the group next in size that divides `inputs`, the share kept next to what was asked for.
std::string nearest_pattern(size_t keep, size_t group, size_t inputs) {
  const auto distance = [&](size_t m) { return m > group ? m - group : group - m; };
  size_t best = 0;
  for (const size_t m : kPatternGroups)
    if (inputs % m == 0 && (best == 0 || distance(m) < distance(best))) best = m;
  if (best == 0) return "; a sparsity fits";
  const double share = static_cast<double>(keep) / static_cast<double>(group);
  const auto n = static_cast<size_t>(std::lround(share * static_cast<double>(best)));
  return cat("; ", std::clamp<size_t>(n, 1, best - 1), ":", best, " fits");
}

}  // namespace

SparsityPattern::SparsityPattern(const ConfigNode& options) {
  const auto pattern = options.find("pattern");
  if (!pattern) {
    sparsity_ = options.get("sparsity", 0.5);
    if (!(sparsity_ >= 0 && sparsity_ < 1))
      options.fail_at("sparsity", cat("expected 0 <= sparsity < 1, got ", sparsity_));
    return;
  }
  if (options.has("sparsity")) options.fail_at("sparsity", "expected either sparsity or pattern, got both");
  const std::vector<std::string> parts = split(pattern->as_string(), ":");
  if (parts.size() == 2) {
    keep_ = parse_count(parts[0]);
    group_ = parse_count(parts[1]);
  }
  if (keep_ == 0 || keep_ >= group_ || std::ranges::find(kPatternGroups, group_) == kPatternGroups.end())
    pattern->fail(cat("expected N:M with 0 < N < M, N of M kept, M one of 2, 4, 8, 16, as 2:4, got '", pattern->as_string(), "'"));
}

double SparsityPattern::sparsity() const {
  return structured() ? 1.0 - static_cast<double>(keep_) / static_cast<double>(group_) : sparsity_;
}

SparsityPattern SparsityPattern::with_sparsity(double sparsity) const {
  EH_ASSERT(!structured());
  SparsityPattern other = *this;
  other.sparsity_ = sparsity;
  return other;
}

void SparsityPattern::prune(std::span<const float> scores, std::span<float> weights) const {
  if (!structured()) {
    // The authors' int(cols * sparsity): truncated.
    zero_lowest(scores, weights, static_cast<size_t>(static_cast<double>(weights.size()) * sparsity_));
    return;
  }
  for (size_t first = 0; first < weights.size(); first += group_)
    zero_lowest(scores.subspan(first, group_), weights.subspan(first, group_), group_ - keep_);
}

LinearPtr SparsityPattern::pack(const Matrix& w, Dtype dtype) const {
  if (structured()) return make_sparse_nm(w.view(), keep_, group_, dtype);
  return sparsity_ > 0 ? make_sparse_bitmask(w.view(), dtype) : make_dense(w.view(), dtype);
}

void SparsityPattern::check(const ModelShape& shape) const {
  if (!structured()) return;
  size_t common = 0;  // divisor of all weights' inputs
  for (const LayerShape& layer : shape.layers)
    for (const WeightShape& leaf : layer.leaves) common = std::gcd(common, leaf.in);
  for (const LayerShape& layer : shape.layers)
    for (const WeightShape& leaf : layer.leaves)
      if (leaf.in % group_ != 0)
        fail(cat("pattern ", keep_, ":", group_, " does not fit ", layer.name, ": its ", leaf.in, " inputs are no multiple of ", group_,
                 nearest_pattern(keep_, group_, common)));
}

}  // namespace evalharness
