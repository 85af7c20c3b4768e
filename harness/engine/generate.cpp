// Generation, continuous: sequences wait in the order of the requests, as many run together as the cache has room for,
// and where one is finished the next enters. Prompts are read in the steps in which others write. What runs together
// depends on a unit's requests only, so that its answers are the same bytes on any number of threads.

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/engine/cache_slots.h"
#include "harness/engine/model_scorer.h"
#include "harness/engine/sampling.h"

namespace evalharness {
namespace {

// One text to be written: a request's only one, or one of its samples.
struct Sequence {
  const Generate* request;
  std::vector<int32_t> context, generated;
  Rng rng;  // keyed by what is asked, so that neither order nor company matters
  size_t slot = 0, shared = 0, truncated = 0;
  bool finished = false, stopped = false;  // stopped: by a stop string or the end token
};

bool greedy(const Generate& request) { return request.temperature == 0; }

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
  s.stopped = token == tokenizer.eos();
  if (!s.stopped) {
    s.generated.push_back(token);
    s.stopped = contains_stop(tokenizer.decode(s.generated), s.request->until);
  }
  s.finished = s.stopped || s.generated.size() >= s.request->max_tokens;
}

Sequence make_sequence(const Generate& request, size_t sample, const Tokenizer& tokenizer, size_t max_length) {
  check_room(request, max_length);
  Sequence s{.request = &request, .context = encode_prompt(tokenizer, request.context), .generated = {},
             .rng = Rng(request.seed, "generate.sample" + request.context, sample)};
  if (s.context.empty()) s.context.push_back(prefix_token(tokenizer));
  const size_t room = max_length - request.max_tokens;
  if (s.context.size() > room) {
    s.truncated = s.context.size() - room;
    s.context.erase(s.context.begin(), s.context.begin() + static_cast<ptrdiff_t>(s.truncated));
  }
  return s;
}

// The sequences of a unit, as they are answered.
class Generation {
 public:
  Generation(Transformer& transformer, const Tokenizer& tokenizer, std::vector<Sequence> sequences)
      : transformer_(transformer), tokenizer_(tokenizer), sequences_(std::move(sequences)) {}

  std::vector<Sequence> run(const EngineOptions& options) {
    size_t capacity = 0;
    for (const Sequence& s : sequences_) capacity = std::max(capacity, s.context.size() + s.request->max_tokens);
    CacheSlots slots(transformer_, std::clamp<size_t>(options.generation_tokens / capacity, 1, sequences_.size()), capacity);
    std::vector<Sequence*> running;
    for (size_t waiting = 0; waiting < sequences_.size() || !running.empty();) {
      Batch batch;
      for (const Sequence* s : running) slots.append(s->slot, s->generated.back(), batch);
      while (waiting < sequences_.size() && slots.has_room() && batch.tokens.size() < options.batch_tokens) {
        Sequence& s = sequences_[waiting++];
        const CacheSlots::Entry entry = slots.enter(s.context, batch);
        s.slot = entry.slot;
        s.shared = entry.shared;
        running.push_back(&s);
      }
      step(batch, running, slots.cache());
      slots.batch_done();
      for (const Sequence* s : running)
        if (s->finished) slots.leave(s->slot);
      std::erase_if(running, [](const Sequence* s) { return s->finished; });
    }
    return std::move(sequences_);
  }

 private:
  // Segment i of the batch belongs to running[i], which takes what follows its last row.
  void step(const Batch& batch, std::span<Sequence* const> running, KvCache& cache) {
    const MatrixView hidden = transformer_.forward(batch, cache);
    for (const bool greedily : {true, false}) {
      std::vector<Sequence*> chosen;
      std::vector<size_t> rows;
      for (size_t i = 0; i < running.size(); ++i) {
        if (greedy(*running[i]->request) != greedily) continue;
        chosen.push_back(running[i]);
        rows.push_back(batch.segments[i].first + batch.segments[i].count - 1);
      }
      if (chosen.empty()) continue;
      Matrix last(chosen.size(), hidden.cols);
      for (size_t i = 0; i < rows.size(); ++i) std::ranges::copy(hidden.row(rows[i]), last.row(i).begin());
      greedily ? take_likeliest(last.view(), chosen) : take_samples(last.view(), chosen);
    }
  }

  void take_likeliest(MatrixView hidden, std::span<Sequence* const> sequences) {
    const std::vector<int32_t> no_target(sequences.size(), -1);
    const std::vector<TokenScore> scores = transformer_.head(hidden, no_target);
    for (size_t i = 0; i < sequences.size(); ++i) take(*sequences[i], scores[i].best, tokenizer_);
  }

  void take_samples(MatrixView hidden, std::span<Sequence* const> sequences) {
    const Matrix logits = transformer_.logits(hidden);
    for (size_t i = 0; i < sequences.size(); ++i) {
      Sequence& s = *sequences[i];
      const SamplingRule rule{.temperature = s.request->temperature, .top_k = s.request->top_k, .top_p = s.request->top_p};
      take(s, sample_token(logits.row(i), rule, s.rng.uniform()), tokenizer_);
    }
  }

  Transformer& transformer_;
  const Tokenizer& tokenizer_;
  std::vector<Sequence> sequences_;
};

}  // namespace

std::vector<Answer> ModelScorer::generate(std::span<const Generate* const> requests) {
  pass_.forget();
  std::vector<Sequence> sequences;
  for (const Generate* request : requests)
    for (size_t sample = 0; sample < texts_written(*request); ++sample)
      sequences.push_back(make_sequence(*request, sample, tokenizer_, max_length()));
  const std::vector<Sequence> done = Generation(transformer_, tokenizer_, std::move(sequences)).run(options_);

  std::vector<Answer> answers;
  size_t next = 0;
  for (const Generate* request : requests) {
    Answer answer;
    for (size_t sample = 0; sample < texts_written(*request); ++sample) {
      const Sequence& s = done[next++];
      answer.tokens += s.generated.size();
      answer.unfinished += !s.stopped;
      answer.truncated = s.truncated;
      answer.saved += s.shared;
      answer.texts.push_back(cut_at_stops(tokenizer_.decode(s.generated), request->until));
    }
    answer.texts.resize(request->samples, answer.texts.front());  // greedy samples are one text
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace evalharness
