// Generation, batched over requests: every sequence is prefilled, then all that are not finished take one
// step together.

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/engine/model_scorer.h"
#include "harness/engine/shared_batch.h"

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
  std::vector<size_t> answers_room;
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
    answers_room.push_back(request->max_tokens);
    sequences.push_back(std::move(s));
  }
  std::vector<std::span<const int32_t>> contexts;
  for (const Sequence& s : sequences) contexts.push_back(s.context);
  const SharedBatch prompts(contexts, options_.batch_tokens);
  const auto cache = transformer_.make_cache(prompts.capacities(answers_room), true);

  // Runs the batch; each listed sequence takes the most likely follower of its row.
  const auto step = [&](const Batch& batch, std::span<const size_t> active, auto&& row_of) {
    const MatrixView hidden = transformer_.forward(batch, *cache);
    Matrix last(active.size(), hidden.cols);
    for (size_t a = 0; a < active.size(); ++a) std::ranges::copy(hidden.row(row_of(active[a])), last.row(a).begin());
    const std::vector<int32_t> no_target(active.size(), -1);
    const std::vector<TokenScore> scores = transformer_.head(last.view(), no_target);
    for (size_t a = 0; a < active.size(); ++a) take(sequences[active[a]], scores[a].best, tokenizer_);
  };

  const auto prompt_end = [&](size_t s) { return prompts.row(s, sequences[s].context.size() - 1); };
  for (size_t b = 0; b < prompts.batches().size(); ++b) {
    std::vector<size_t> active;
    for (size_t s = 0; s < sequences.size(); ++s)
      if (prompt_end(s).batch == b) active.push_back(s);
    step(prompts.batches()[b], active, [&](size_t s) { return prompt_end(s).row; });
  }
  for (;;) {
    std::vector<size_t> active;
    Batch batch;
    for (size_t s = 0; s < sequences.size(); ++s) {
      if (sequences[s].finished) continue;
      active.push_back(s);
      batch.add(s, cache->length(s), std::span(sequences[s].generated).last(1));
    }
    if (active.empty()) break;
    std::vector<size_t> rows(sequences.size());
    for (size_t a = 0; a < active.size(); ++a) rows[active[a]] = a;
    step(batch, active, [&](size_t s) { return rows[s]; });
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
