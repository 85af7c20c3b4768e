// The seam between tasks and models: requests on text, answers in numbers and text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace evalharness {

// log p(target | context). The target keeps its leading space.
struct LogLikelihood {
  std::string context;
  std::string target;
  bool operator==(const LogLikelihood&) const = default;
};

// How a long text is cut and scored. The id is printed beside every number made with it.
struct Protocol {
  enum class Kind {
    kWindows,      // compression papers: text tokenised once, windows of `window` tokens side by side,
                   // the tail dropped, the first token of each window never scored
    kLmEval,       // lm-evaluation-harness rolling: one token of context, first token given the prefix token
    kSecondHalf,   // llama.cpp: windows side by side, only the second half scored
  };
  Kind kind = Kind::kWindows;
  size_t window = 2048;     // tokens; for kLmEval 0 means the model's maximum
  size_t max_windows = 0;   // 0: all
  size_t max_tokens = 0;    // of the text, before cutting; 0: all (C4 of the papers: 256 * window)
  bool operator==(const Protocol&) const = default;
};
struct Rolling {
  std::string text;
  Protocol protocol;
  bool operator==(const Rolling&) const = default;
};

struct Generate {
  std::string context;
  std::vector<std::string> until;  // the text ends before the first of these
  size_t max_tokens = 256;
  double temperature = 0;  // 0: greedy
  size_t top_k = 50;       // of a sampled token: the likeliest so many, 0: all; Hugging Face's default
  double top_p = 1;        // and of those the fewest that hold this much probability
  size_t samples = 1;
  uint64_t seed = 0;
  bool operator==(const Generate&) const = default;
};

using Request = std::variant<LogLikelihood, Rolling, Generate>;

struct Answer {
  double log_prob = 0;   // natural log, sum over the scored tokens
  size_t tokens = 0;     // scored (or generated) tokens
  bool greedy = false;   // every scored token was the most likely one (lowest id wins a tie)
  std::vector<float> token_log_probs;   // of the scored tokens, in order
  std::vector<float> token_divergences; // of two models: KL(reference || model) at each scored token, in nats
  std::vector<uint32_t> window_tokens;  // Rolling: scored tokens of each window, in order
  size_t windows_available = 0;         // Rolling: windows before max_windows
  std::vector<std::string> texts;       // Generate: one a sample, cut at the stop string
  size_t unfinished = 0;                // texts that ended at max_tokens, not at a stop or the model's own end
  size_t truncated = 0;                 // tokens of the context cut off on the left
  size_t saved = 0;                     // tokens that were computed for another request already
};

// Tokens that all requests of a unit and of a neighbour begin with, computed in a pass of their own: a few-shot header.
struct UnitHeader {
  size_t tokens = 0;
  bool repeats = false;  // the unit before has the same
};

// A piece of work that is computed as a whole or not at all: requests batched together, or some
// windows of one Rolling request.
struct Unit {
  std::vector<size_t> requests;  // indices into the requests given to plan()
  size_t first_window = 0;       // Rolling only
  size_t windows = 0;            // Rolling only
  size_t cost_tokens = 0;        // for progress
  UnitHeader header = {};        // LogLikelihood only
};

class Scorer {
 public:
  virtual ~Scorer() = default;
  // How the requests are cut into units: a function of the requests and the configuration only, so
  // that answers are the same bytes on any number of threads and after a resume.
  virtual std::vector<Unit> plan(std::span<const Request> requests) = 0;
  // Answers to unit.requests, in that order. For a Rolling unit: its windows only.
  virtual std::vector<Answer> answer(std::span<const Request> requests, const Unit& unit) = 0;
};

}  // namespace evalharness
