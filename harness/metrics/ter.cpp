#include "harness/metrics/ter.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "harness/base/error.h"
#include "harness/base/letter_case.h"
#include "harness/base/text.h"
#include "harness/metrics/beam_edits.h"

namespace evalharness {
namespace {

constexpr size_t kLongestMove = 10, kFarthestMove = 50, kMostMoves = 1000;

std::ptrdiff_t offset(size_t i) { return static_cast<std::ptrdiff_t>(i); }

// A run of words of the text that stands at `to` in the reference.
struct Run {
  size_t from = 0, to = 0, length = 0;
};

std::vector<Run> common_runs(const Words& text, const Words& reference) {
  std::vector<Run> runs;
  for (size_t from = 0; from < text.size(); ++from)
    for (size_t to = 0; to < reference.size(); ++to) {
      if (std::max(from, to) - std::min(from, to) > kFarthestMove) continue;
      const size_t longest = std::min({kLongestMove, text.size() - from, reference.size() - to});
      for (size_t n = 0; n < longest && text[from + n] == reference[to + n]; ++n)
        runs.push_back({from, to, n + 1});
    }
  return runs;
}

bool any(const std::vector<bool>& flags, size_t from, size_t count) {
  const auto end = flags.begin() + offset(from + count);
  return std::find(flags.begin() + offset(from), end, true) != end;
}

// Both places are wrong, and the run's first word has its partner elsewhere.
bool is_worth_moving(const Run& run, const WordAlignment& now) {
  const size_t partner = now.behind[run.to];
  return any(now.wrong_in_text, run.from, run.length) &&
         any(now.wrong_in_reference, run.to, run.length) &&
         !(partner > run.from && partner <= run.from + run.length);
}

// The run put before the word at `target`; a target inside the run counts from the run's end.
Words moved(Words text, const Run& run, size_t target) {
  const size_t end = run.from + run.length;
  if (target < run.from) {
    std::rotate(text.begin() + offset(target), text.begin() + offset(run.from),
                text.begin() + offset(end));
    return text;
  }
  const size_t last = std::min(target > end ? target : target + run.length, text.size());
  std::rotate(text.begin() + offset(run.from), text.begin() + offset(end),
              text.begin() + offset(last));
  return text;
}

struct Move {
  Words text;  // with the run at its new place
  std::ptrdiff_t saved = 0;
  size_t length = 0, from = 0, target = 0;
  // Most saved, then longest, then earliest, then to the earliest place.
  bool operator>(const Move& other) const {
    return std::tuple(saved, length, other.from, other.target) >
           std::tuple(other.saved, other.length, from, target);
  }
};

// The move of the text that saves most; none (saved 0) where there is no candidate. `tried` counts
// candidates over all moves of a text.
Move best_move(const Words& text, const Words& reference, BeamEdits& edits, size_t& tried) {
  const std::ptrdiff_t before = offset(edits.distance(text));
  const WordAlignment now = edits.alignment();
  Move best;
  for (const Run& run : common_runs(text, reference)) {
    if (!is_worth_moving(run, now)) continue;
    std::ptrdiff_t last_target = -1;
    for (size_t i = 0; i <= run.length; ++i) {
      // Behind the partner of the word before the run's place, then of each word of it.
      const size_t target = run.to + i == 0 ? 0 : now.behind[run.to + i - 1];
      if (offset(target) == last_target) continue;
      last_target = offset(target);
      Move move{moved(text, run, target), 0, run.length, run.from, target};
      move.saved = before - offset(edits.distance(move.text));
      ++tried;
      if (best.length == 0 || move > best) best = std::move(move);
    }
    if (tried >= kMostMoves) break;
  }
  return best;
}

size_t edits_between(Words text, const Words& reference) {
  if (reference.empty()) return text.size();
  BeamEdits edits(reference, text.size());
  size_t moves = 0;
  for (size_t tried = 0;; ++moves) {
    Move move = best_move(text, reference, edits, tried);
    if (tried >= kMostMoves || move.saved <= 0) break;
    text = std::move(move.text);
  }
  return moves + edits.distance(text);
}

// Words as numbers, so that they compare fast.
class Vocabulary {
 public:
  Words words_of(std::string_view text) {
    Words words;
    for (const std::string& word : split_whitespace(lower(text)))
      words.push_back(
          numbers_.try_emplace(word, static_cast<uint32_t>(numbers_.size())).first->second);
    return words;
  }

 private:
  std::map<std::string, uint32_t> numbers_;
};

}  // namespace

std::vector<double> ter_statistics(std::string_view text, std::span<const std::string> references) {
  EH_ASSERT(!references.empty());
  Vocabulary vocabulary;
  const Words given = vocabulary.words_of(text);
  std::vector<size_t> edits;
  double words = 0;
  for (const std::string& reference : references) {
    const Words expected = vocabulary.words_of(reference);
    edits.push_back(edits_between(given, expected));
    words += static_cast<double>(expected.size());
  }
  return {static_cast<double>(*std::min_element(edits.begin(), edits.end())),
          words / static_cast<double>(references.size())};
}

double ter_score(std::span<const double> sums) {
  EH_ASSERT(sums.size() == 2);
  const double edits = sums[0], words = sums[1];
  if (words > 0) return 100 * edits / words;
  return edits > 0 ? 100 : 0;
}

}  // namespace evalharness
