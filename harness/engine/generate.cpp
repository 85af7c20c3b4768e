// Generation, batched over requests: every sequence is prefilled, then all that are not finished take one
// step together.

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/engine/model_scorer.h"

namespace evalharness {
namespace {

struct Sequence {
  const Generate* request;
  std::vector<int32_t> context, generated;
  size_t truncated = 0;
  bool finished = false;
};

// The text before the first of the stop strings, taken in their order as lm-evaluation-harness does.
std::string cut_at_stops(std::string text, const std::vector<std::string>& until) {
  for (const std::string& stop : until)
    if (!stop.empty()) text = text.substr(0, text.find(stop));
  return text;
}

bool contains_stop(const std::string& text, const std::vector<std::string>& until) {
  return std::ranges::any_of(until, [&](const std::string& stop) {
    return !stop.empty() && text.find(stop) != std::string::npos;
  });
}

void take(Sequence& s, int32_t token, const Tokenizer& tokenizer) {
  if (token == tokenizer.eos()) {
    s.finished = true;
    return;
  }
  s.generated.push_back(token);
  s.finished = s.generated.size() >= s.request->max_tokens ||
               contains_stop(tokenizer.decode(s.generated), s.request->until);
}

}  // namespace

std::vector<Answer> ModelScorer::generate(std::span<const Generate* const> requests) {
  std::vector<Sequence> sequences;
  std::vector<size_t> capacities;
  for (const Generate* request : requests) {
    if (request->temperature != 0 || request->samples != 1)
      fail("sampling (temperature above 0, several samples) is not built yet: use temperature 0");
    if (request->max_tokens + 1 > max_length())
      fail(cat("max_tokens ", request->max_tokens, " leaves no room in the model's context of ", max_length()));
    Sequence s{request, tokenizer_.encode(request->context), {}, 0, false};
    if (s.context.empty()) s.context.push_back(prefix_token(tokenizer_));
    const size_t room = max_length() - request->max_tokens;
    if (s.context.size() > room) {
      s.truncated = s.context.size() - room;
      s.context.erase(s.context.begin(), s.context.begin() + static_cast<ptrdiff_t>(s.truncated));
    }
    capacities.push_back(s.context.size() + request->max_tokens);
    sequences.push_back(std::move(s));
  }
  const auto cache = transformer_.make_cache(capacities, true);

  // One step: feeds each listed sequence its next tokens and takes the most likely follower.
  const auto step = [&](std::span<const size_t> active, auto&& next_tokens) {
    Batch batch;
    for (const size_t i : active) batch.add(i, cache->length(i), next_tokens(i));
    const MatrixView hidden = transformer_.forward(batch, *cache);
    Matrix last(active.size(), hidden.cols);
    for (size_t a = 0; a < active.size(); ++a)
      std::ranges::copy(hidden.row(batch.segments[a].first + batch.segments[a].count - 1), last.row(a).begin());
    const std::vector<int32_t> no_target(active.size(), -1);
    const std::vector<TokenScore> scores = transformer_.head(last.view(), no_target);
    for (size_t a = 0; a < active.size(); ++a) take(sequences[active[a]], scores[a].best, tokenizer_);
  };

  for (size_t i = 0; i < sequences.size(); ++i) {
    const size_t one[] = {i};
    step(one, [&](size_t s) { return std::span<const int32_t>(sequences[s].context); });
  }
  for (;;) {
    std::vector<size_t> active;
    for (size_t i = 0; i < sequences.size(); ++i)
      if (!sequences[i].finished) active.push_back(i);
    if (active.empty()) break;
    step(active, [&](size_t s) { return std::span<const int32_t>(sequences[s].generated).last(1); });
  }

  std::vector<Answer> answers;
  for (const Sequence& s : sequences) {
    Answer answer;
    answer.tokens = s.generated.size();
    answer.truncated = s.truncated;
    answer.texts.push_back(cut_at_stops(tokenizer_.decode(s.generated), s.request->until));
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace evalharness
