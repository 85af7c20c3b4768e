#include "harness/engine/pair_scorer.h"

#include <algorithm>
#include <cmath>

#include "harness/base/parallel.h"
#include "harness/engine/scored_rows.h"

namespace evalharness {
namespace {

constexpr size_t kRowsAtOnce = 64;  // of logits [rows, vocabulary], of both models

// ln of the sum of exp(logits).
double log_sum(std::span<const float> logits) {
  const double maximum = static_cast<double>(*std::ranges::max_element(logits));
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - maximum);
  return maximum + std::log(sum);
}

// What the model says of one target, and how far it is from the reference there.
struct PairScore {
  float log_prob = 0, divergence = 0;
  bool likeliest = false;  // the lowest id wins a tie
};

// KL(p || q); the sums are ln of the sums of exp(logits).
double divergence(std::span<const float> p_logits, double p_sum, std::span<const float> q_logits, double q_sum) {
  double sum = 0;
  for (size_t i = 0; i < p_logits.size(); ++i) {
    const double ln_p = static_cast<double>(p_logits[i]) - p_sum, ln_q = static_cast<double>(q_logits[i]) - q_sum;
    if (const double p = std::exp(ln_p); p != 0) sum += p * (ln_p - ln_q);
  }
  return sum;
}

PairScore score_row(std::span<const float> reference, std::span<const float> model, int32_t target) {
  const auto id = static_cast<size_t>(target);
  const double sum = log_sum(model);
  return {.log_prob = static_cast<float>(static_cast<double>(model[id]) - sum),
          .divergence = static_cast<float>(divergence(reference, log_sum(reference), model, sum)),
          .likeliest = std::ranges::max_element(model) - model.begin() == static_cast<std::ptrdiff_t>(id)};
}

std::vector<PairScore> score_rows(const Transformer& reference, const Transformer& model, const ScoredRows& of_reference,
                                  const ScoredRows& of_model) {
  std::vector<PairScore> scores(of_model.targets.size());
  for (size_t first = 0; first < scores.size(); first += kRowsAtOnce) {
    const size_t rows = std::min(kRowsAtOnce, scores.size() - first);
    const Matrix p = reference.logits(of_reference.hidden.view().rows_from(first, rows));
    const Matrix q = model.logits(of_model.hidden.view().rows_from(first, rows));
    parallel_for(rows, [&](size_t i) { scores[first + i] = score_row(p.row(i), q.row(i), of_model.targets[first + i]); });
  }
  return scores;
}

}  // namespace

double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits) {
  return divergence(p_logits, log_sum(p_logits), q_logits, log_sum(q_logits));
}

PairScorer::PairScorer(Transformer& reference, Transformer& model, const Tokenizer& tokenizer, const EngineOptions& options)
    : reference_(reference), model_(model), reference_pass_(reference), model_pass_(model), tokenizer_(tokenizer), options_(options) {}

std::vector<Unit> PairScorer::plan(std::span<const Request> requests) {
  return ModelScorer(model_, tokenizer_, options_).plan(requests);
}

std::vector<Answer> PairScorer::answer(std::span<const Request> requests, const Unit& unit) {
  std::vector<Scored> sequences;
  for (const size_t i : unit.requests)
    sequences.push_back(encode_pair(tokenizer_, std::get<LogLikelihood>(requests[i]), max_length(model_.model().config, options_)));
  const ScoredRows of_reference = reference_pass_.forward(sequences, unit.header), of_model = model_pass_.forward(sequences, unit.header);
  const std::vector<PairScore> scores = score_rows(reference_, model_, of_reference, of_model);
  std::vector<Answer> answers;
  size_t next = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    Answer& answer = answers.emplace_back();
    answer.tokens = sequences[s].targets.size();
    answer.truncated = sequences[s].truncated;
    answer.saved = of_model.saved[s];
    answer.greedy = true;
    for (const size_t end = next + answer.tokens; next < end; ++next) {
      answer.log_prob += static_cast<double>(scores[next].log_prob);
      answer.token_log_probs.push_back(scores[next].log_prob);
      answer.token_divergences.push_back(scores[next].divergence);
      answer.greedy = answer.greedy && scores[next].likeliest;
    }
  }
  return answers;
}

}  // namespace evalharness
