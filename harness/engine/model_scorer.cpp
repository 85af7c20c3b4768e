#include "harness/engine/model_scorer.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/engine/prefix.h"

namespace evalharness {
namespace {

// Log-probabilities of a sequence's scored rows, in order.
Answer make_answer(std::span<const TokenScore> scores, const Scored& sequence) {
  Answer answer;
  answer.tokens = scores.size();
  answer.greedy = true;
  answer.truncated = sequence.truncated;
  for (size_t i = 0; i < scores.size(); ++i) {
    answer.log_prob += static_cast<double>(scores[i].log_prob);
    answer.token_log_probs.push_back(scores[i].log_prob);
    answer.greedy = answer.greedy && scores[i].best == sequence.targets[i];
  }
  return answer;
}

// Texts that a unit of generation writes. So many that it ends seldom: at its end the last ones write with little
// company, and what its requests begin with in common is computed once a unit.
constexpr size_t kUnitTexts = 64;

// Headers are whole blocks of the cache: no keys are copied, and what a unit's documents begin with by chance does not count.
constexpr size_t kHeaderMultiple = 64;
// Of the batch, even of a request that shares all of them: keys, targets and tiles of attention cost something, too.
constexpr size_t kLeastRows = 4;

size_t whole_blocks(size_t tokens) { return tokens / kHeaderMultiple * kHeaderMultiple; }

// What a unit costs as it is filled. Scoring: rows of the batch, what sequences share once, and what all of them begin with apart.
// Generation: tokens read and written at most.
class Filling {
 public:
  bool has_room(const Scored& sequence, const Generate* generate, const EngineOptions& options) const {
    if (generate != nullptr) return texts_ + texts_written(*generate) <= kUnitTexts;
    const size_t rows = tree_.rows() + sequence.inputs.size() - tree_.shared_with(sequence.inputs);
    const size_t least = kLeastRows * (tree_.ends().size() + 1);
    return std::max(rows - whole_blocks(common_with(sequence)), least) <= options.batch_tokens;
  }
  void add(const Scored& sequence, const Generate* generate) {
    if (generate != nullptr) {
      const size_t written = texts_written(*generate);
      texts_ += written;
      generation_tokens_ += written * (sequence.inputs.size() + generate->max_tokens);
      return;
    }
    if (tree_.rows() == 0) common_ = sequence.inputs;
    common_.resize(common_with(sequence));
    tree_.add(sequence.inputs);
  }
  // Tokens that all sequences begin with, before every scored row.
  const std::vector<int32_t>& common() const { return common_; }
  size_t cost() const { return generation_tokens_ + tree_.rows(); }

 private:
  size_t common_with(const Scored& sequence) const {
    return common_beginning(common_, std::span(sequence.inputs).first(sequence.inputs.size() - sequence.targets.size()));
  }

  PrefixTree tree_;
  std::vector<int32_t> common_;
  size_t texts_ = 0, generation_tokens_ = 0;
};

// A header is what a unit has in common with the one before or behind it. `common`: what each unit's sequences begin with.
void set_headers(std::span<const std::vector<int32_t>> common, std::span<Unit> units) {
  const auto with_next = [&](size_t i) { return whole_blocks(common_beginning(common[i], common[i + 1])); };
  for (size_t i = 0; i < units.size(); ++i) {
    const size_t before = i > 0 ? with_next(i - 1) : 0, behind = i + 1 < units.size() ? with_next(i) : 0;
    UnitHeader& header = units[i].header;
    header.tokens = std::max(before, behind);
    header.repeats = header.tokens > 0 && before == header.tokens && units[i - 1].header.tokens == header.tokens;
    if (header.repeats) units[i].cost_tokens -= header.tokens;
  }
}

}  // namespace

size_t texts_written(const Generate& request) { return request.temperature == 0 ? 1 : request.samples; }

ModelScorer::ModelScorer(Transformer& transformer, const Tokenizer& tokenizer, const EngineOptions& options)
    : transformer_(transformer), tokenizer_(tokenizer), options_(options), pass_(transformer) {}

size_t max_length(const ModelConfig& model, const EngineOptions& options) {
  return options.max_length > 0 ? options.max_length : model.context;
}

size_t ModelScorer::max_length() const { return evalharness::max_length(transformer_.model().config, options_); }

const std::vector<int32_t>& ModelScorer::rolling_tokens(const Rolling& request) {
  if (rolling_text_ != request.text || rolling_tokens_.empty()) {
    rolling_text_ = request.text;
    rolling_tokens_ = encode_prompt(tokenizer_, request.text);
  }
  return rolling_tokens_;
}

Scored ModelScorer::sequence_of(const Request& request) const {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return encode_pair(tokenizer_, *pair, max_length());
  return {.inputs = encode_prompt(tokenizer_, std::get<Generate>(request).context), .targets = {}};
}

void ModelScorer::plan_rolling(const Rolling& request, size_t index, std::vector<Unit>& units) {
  check_room(request, max_length());
  const size_t available = window_count(rolling_tokens(request).size(), request.protocol, max_length());
  const size_t limit = request.protocol.max_windows;
  const size_t windows = limit > 0 ? std::min(limit, available) : available;
  const size_t length = request.protocol.window == 0 ? max_length() : request.protocol.window;
  const size_t together = std::max<size_t>(1, options_.batch_tokens / length);
  for (size_t first = 0; first < windows; first += together) {
    const size_t count = std::min(together, windows - first);
    units.push_back({{index}, first, count, count * length});
  }
}

std::vector<Unit> ModelScorer::plan(std::span<const Request> requests) {
  std::vector<Unit> units;
  std::vector<std::vector<int32_t>> common;  // of each unit
  Filling filling;
  size_t kind = std::variant_npos;  // of the requests in the last unit; none while it is closed
  for (size_t i = 0; i < requests.size(); ++i) {
    if (const auto* rolling = std::get_if<Rolling>(&requests[i])) {
      plan_rolling(*rolling, i, units);
      common.resize(units.size());
      kind = std::variant_npos;
      continue;
    }
    const auto* generate = std::get_if<Generate>(&requests[i]);
    const Scored sequence = sequence_of(requests[i]);
    if (kind != requests[i].index() || !filling.has_room(sequence, generate, options_)) {
      units.push_back({});
      common.emplace_back();
      kind = requests[i].index();
      filling = {};
    }
    filling.add(sequence, generate);
    common.back() = filling.common();
    units.back().requests.push_back(i);
    units.back().cost_tokens = filling.cost();
  }
  set_headers(common, units);
  return units;
}

std::vector<Answer> ModelScorer::score(std::span<const Scored> sequences, const UnitHeader& header) {
  const ScoredRows rows = pass_.forward(sequences, header);
  const std::vector<TokenScore> scores = transformer_.head(rows.hidden.view(), rows.targets);
  std::vector<Answer> answers;
  size_t next = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    answers.push_back(make_answer(std::span(scores).subspan(next, sequences[s].targets.size()), sequences[s]));
    answers.back().saved = rows.saved[s];
    next += sequences[s].targets.size();
  }
  return answers;
}

Answer ModelScorer::score_rolling(const Rolling& request, const Unit& unit) {
  std::span<const int32_t> tokens = rolling_tokens(request);
  if (request.protocol.max_tokens > 0)
    tokens = tokens.first(std::min(tokens.size(), request.protocol.max_tokens));
  std::vector<Scored> windows;
  for (size_t w = 0; w < unit.windows; ++w)
    windows.push_back(make_window(tokens, request.protocol, max_length(), unit.first_window + w, tokenizer_));
  Answer whole;
  whole.greedy = true;
  for (const Answer& window : score(windows)) {
    whole.log_prob += window.log_prob;
    whole.tokens += window.tokens;
    whole.greedy = whole.greedy && window.greedy;
    whole.window_tokens.push_back(static_cast<uint32_t>(window.tokens));
    whole.token_log_probs.insert(whole.token_log_probs.end(), window.token_log_probs.begin(),
                                 window.token_log_probs.end());
  }
  whole.windows_available = window_count(tokens.size(), request.protocol, max_length());
  return whole;
}

std::vector<Answer> ModelScorer::answer(std::span<const Request> requests, const Unit& unit) {
  EH_ASSERT(!unit.requests.empty());
  if (const auto* rolling = std::get_if<Rolling>(&requests[unit.requests.front()]))
    return {score_rolling(*rolling, unit)};
  if (std::holds_alternative<Generate>(requests[unit.requests.front()])) {
    std::vector<const Generate*> generations;
    for (const size_t i : unit.requests) generations.push_back(&std::get<Generate>(requests[i]));
    return generate(generations);
  }
  std::vector<Scored> pairs;
  for (const size_t i : unit.requests) pairs.push_back(sequence_of(requests[i]));
  return score(pairs, unit.header);
}

}  // namespace evalharness
