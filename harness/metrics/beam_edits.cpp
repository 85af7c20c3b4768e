#include "harness/metrics/beam_edits.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"

namespace evalharness {
namespace {

constexpr uint32_t kFar = 1u << 30;  // a cell that was not looked at
constexpr double kBeam = 25;

size_t beam_for(double ratio) {
  return static_cast<size_t>(kBeam < ratio / 2 ? std::ceil(ratio / 2 + kBeam) : kBeam);
}

}  // namespace

BeamEdits::BeamEdits(Words reference, size_t text_words)
    : reference_(std::move(reference)),
      text_(text_words),
      words_a_word_(text_words == 0
                        ? 1
                        : static_cast<double>(reference_.size()) / static_cast<double>(text_words)),
      beam_(beam_for(words_a_word_)),
      cost_((text_words + 1) * (reference_.size() + 1), kFar),
      edit_(cost_.size(), Edit::kNone) {
  EH_ASSERT(!reference_.empty());
  for (size_t j = 0; j <= reference_.size(); ++j) {
    cost_[j] = static_cast<uint32_t>(j);
    edit_[j] = Edit::kInsert;
  }
}

size_t BeamEdits::distance(const Words& text) {
  EH_ASSERT(text.size() == text_.size());
  const auto known = text_.begin() + static_cast<std::ptrdiff_t>(known_rows_);
  const auto differs = std::mismatch(text_.begin(), known, text.begin()).first;
  const size_t first = static_cast<size_t>(differs - text_.begin());
  text_ = text;
  for (size_t i = first + 1; i <= text_.size(); ++i) fill_row(i);
  known_rows_ = text_.size();
  return cost_.back();
}

void BeamEdits::fill_row(size_t i) {
  const size_t diagonal = static_cast<size_t>(std::floor(static_cast<double>(i) * words_a_word_));
  const size_t first = diagonal > beam_ ? diagonal - beam_ : 0;
  const size_t end =
      i == text_.size() ? reference_.size() + 1 : std::min(reference_.size() + 1, diagonal + beam_);
  for (size_t j = first; j < end; ++j) {
    uint32_t best = kFar;
    Edit edit = Edit::kNone;
    const auto offer = [&](uint32_t cost, Edit by) {
      if (cost < best) best = cost, edit = by;
    };
    if (j > 0) {
      const bool same = text_[i - 1] == reference_[j - 1];
      offer(cost_[cell(i - 1, j - 1)] + (same ? 0 : 1), same ? Edit::kKeep : Edit::kReplace);
    }
    offer(cost_[cell(i - 1, j)] + 1, Edit::kDelete);
    if (j > first) offer(cost_[cell(i, j - 1)] + 1, Edit::kInsert);
    cost_[cell(i, j)] = best;
    edit_[cell(i, j)] = edit;
  }
}

WordAlignment BeamEdits::alignment() const {
  WordAlignment result{std::vector<size_t>(reference_.size()), std::vector<bool>(reference_.size()),
                       std::vector<bool>(text_.size())};
  for (size_t i = text_.size(), j = reference_.size(); i > 0 || j > 0;) {
    const Edit edit = edit_[cell(i, j)];
    EH_ASSERT(edit != Edit::kNone);
    if (edit != Edit::kInsert) result.wrong_in_text[i - 1] = edit != Edit::kKeep;
    if (edit != Edit::kDelete) {
      result.behind[j - 1] = i;
      result.wrong_in_reference[j - 1] = edit != Edit::kKeep;
    }
    i -= edit != Edit::kInsert;
    j -= edit != Edit::kDelete;
  }
  return result;
}

}  // namespace evalharness
