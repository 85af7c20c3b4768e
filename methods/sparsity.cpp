#include "methods/sparsity.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "harness/base/text.h"

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
  if (keep_ == 0 || keep_ >= group_ || group_ > 32)
    pattern->fail(cat("expected N:M with 0 < N < M <= 32, N of M kept, as 2:4, got '", pattern->as_string(), "'"));
}

double SparsityPattern::sparsity() const {
  return structured() ? 1.0 - static_cast<double>(keep_) / static_cast<double>(group_) : sparsity_;
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
  return structured() ? make_sparse_nm(w.view(), keep_, group_, dtype) : make_sparse_bitmask(w.view(), dtype);
}

void SparsityPattern::check(const Model& model) const {
  if (!structured()) return;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots)
      if (slot.op->in() % group_ != 0)
        fail(cat("pattern ", keep_, ":", group_, " does not fit ", slot.name, ": its ", slot.op->in(),
                 " inputs are no multiple of ", group_));
}

}  // namespace evalharness
