// Cuts normalised text into the pieces that BPE sees one by one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/tokenizer/piece_pattern.h"
#include "harness/model/tokenizer/tokenizer_data.h"

namespace evalharness {

// Immutable, thread-safe. Each step sees the pieces of the step before it, one at a time: a
// lookahead does not see beyond its piece.
class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view piece)>;  // the view is valid during the call

  PreTokenizer(const std::vector<PreTokenizerStep>& steps, const std::string& source);
  // Precondition: text is valid UTF-8. `text_start`: nothing of the user's text stands before it.
  void split(std::string_view text, bool text_start, const Sink& sink) const;

 private:
  struct Step {
    PreTokenizerStep what;
    std::optional<PiecePattern> pattern;  // of a Split
  };
  struct Piece {
    std::string_view text;
    bool text_start;
  };
  void run(size_t step, Piece piece, const Sink& sink) const;
  void run_split(size_t step, Piece piece, const Sink& sink) const;

  std::vector<Step> steps_;
};

}  // namespace evalharness
