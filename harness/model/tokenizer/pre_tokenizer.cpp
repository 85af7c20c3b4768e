#include "harness/model/tokenizer/pre_tokenizer.h"

#include "harness/base/text.h"
#include "harness/model/tokenizer/normalizer.h"
#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

// Receives matches and the gaps between them in order, and forms pieces as the behaviour says.
// One piece is held back, since what follows may belong to it.
template <class Emit>
class Pieces {
 public:
  Pieces(SplitBehaviour behaviour, const Emit& emit) : behaviour_(behaviour), emit_(emit) {}

  void add(TextRange range, bool match) {
    if (range.begin == range.end) return;
    if (match && behaviour_ == SplitBehaviour::kRemoved) return flush();
    if (held_.begin != held_.end && joins(match)) {
      held_.end = range.end;
    } else {
      flush();
      held_ = range;
    }
    held_is_match_ = match;
  }
  void flush() {
    if (held_.begin != held_.end) emit_(held_);
    held_ = {};
  }

 private:
  bool joins(bool match) const {
    switch (behaviour_) {
      case SplitBehaviour::kMergedWithPrevious:
        return match && !held_is_match_;
      case SplitBehaviour::kMergedWithNext:
        return !match && held_is_match_;
      case SplitBehaviour::kContiguous:
        return match == held_is_match_;
      case SplitBehaviour::kRemoved:
      case SplitBehaviour::kIsolated:
        break;
    }
    return false;
  }

  SplitBehaviour behaviour_;
  const Emit& emit_;
  TextRange held_;
  bool held_is_match_ = false;
};

}  // namespace

PreTokenizer::PreTokenizer(const std::vector<PreTokenizerStep>& steps, const std::string& source) {
  for (const PreTokenizerStep& step : steps) {
    const Split* split = std::get_if<Split>(&step);
    steps_.push_back({step, std::nullopt});
    if (split != nullptr) {
      steps_.back().pattern.emplace(split->pattern, cat(source, ": pre-tokenizer"));
    }
  }
}

void PreTokenizer::split(std::string_view text, bool text_start, const Sink& sink) const {
  if (!text.empty()) run(0, {text, text_start}, sink);
}

void PreTokenizer::run(size_t step, Piece piece, const Sink& sink) const {
  if (step == steps_.size()) return sink(piece.text);
  const PreTokenizerStep& what = steps_[step].what;
  if (std::holds_alternative<Split>(what)) return run_split(step, piece, sink);
  const std::string changed =
      std::holds_alternative<Prefix>(what)
          ? apply_step(std::get<Prefix>(what), piece.text, piece.text_start)
          : apply_step(std::get<Replace>(what), piece.text, piece.text_start);
  run(step + 1, {changed, piece.text_start}, sink);
}

void PreTokenizer::run_split(size_t step, Piece piece, const Sink& sink) const {
  const Split& split = std::get<Split>(steps_[step].what);
  const auto emit = [&](TextRange range) {
    const bool text_start = piece.text_start && range.begin == 0;
    run(step + 1, {piece.text.substr(range.begin, range.end - range.begin), text_start}, sink);
  };
  Pieces pieces(split.behaviour, emit);
  size_t done = 0;
  size_t from = 0;
  TextRange match;
  while (from < piece.text.size() && steps_[step].pattern->find(piece.text, from, match)) {
    pieces.add({done, match.begin}, split.invert);
    pieces.add(match, !split.invert);
    done = match.end;
    from = match.end;
    if (match.begin == match.end && from < piece.text.size()) {
      from +=
          utf8_step(piece.text, from).length;  // an empty match: go on behind the next character
    }
  }
  pieces.add({done, piece.text.size()}, split.invert);
  pieces.flush();
}

}  // namespace evalharness
