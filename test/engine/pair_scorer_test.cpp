// Two tiny models along the same texts.
#include "harness/engine/pair_scorer.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "test/support/byte_tokenizer.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

struct Bound {
  explicit Bound(uint64_t seed) : model(tiny_model(seed)), backend(make_cpu_backend({})), transformer(model, *backend) {}
  Model model;
  std::unique_ptr<Backend> backend;
  Transformer transformer;
};

std::vector<Answer> answers(Scorer& scorer, const std::vector<Request>& requests) {
  std::vector<Answer> all(requests.size());
  for (const Unit& unit : scorer.plan(requests)) {
    std::vector<Answer> part = scorer.answer(requests, unit);
    for (size_t i = 0; i < part.size(); ++i) all[unit.requests[i]] = part[i];
  }
  return all;
}

// Probabilities of what follows `text`, by one forward pass of all of it and the formula as it is written.
std::vector<double> next_probabilities(Bound& bound, const std::string& text) {
  Batch batch;
  batch.add(0, 0, ByteTokenizer(64).encode(text));
  const size_t capacity[] = {text.size()};
  const auto cache = bound.transformer.make_cache(capacity, false);
  const MatrixView hidden = bound.transformer.forward(batch, *cache);
  const Matrix logits = bound.transformer.logits(hidden.rows_from(text.size() - 1, 1));
  std::vector<double> p;
  double sum = 0;
  for (const float x : logits.row(0)) p.push_back(std::exp(double(x))), sum += p.back();
  for (double& x : p) x /= sum;
  return p;
}

const std::vector<Request> kRequests = {LogLikelihood{"ABC", "XYZ"}, LogLikelihood{"the beginning is long enough to share", "Q"},
                                     LogLikelihood{"the beginning is long enough to share", "RS"},
                                     LogLikelihood{std::string(100, 'L') + "a question", "T"}};

}  // namespace

TEST_CASE("a divergence is what a hand works out", "[engine][pair]") {
  // p = 1/2 1/4 1/4, q = 1/4 1/4 1/2: 1/2 ln 2 + 0 + 1/4 ln 1/2 = 1/4 ln 2. Logits are ln p and a constant.
  const float two = std::log(2.0f);
  const std::vector<float> p = {two + 7, 7, 7}, q = {-3, -3, two - 3};
  CHECK(kl_divergence(p, q) == Approx(0.25 * std::log(2.0)));
  CHECK(kl_divergence(p, p) == 0);
  // p = 1 0, q = 1/2 1/2: ln 2, and what p never says counts for nothing.
  CHECK(kl_divergence(std::vector<float>{0, -2000}, std::vector<float>{0, 0}) == Approx(std::log(2.0)));
  // Not symmetric: p = 1/2 1/2, q = 1/4 3/4 is 1/2 ln 2 + 1/2 ln 2/3; the other way 1/4 ln 1/2 + 3/4 ln 3/2.
  const std::vector<float> half = {0, 0}, quarter = {0, std::log(3.0f)};
  CHECK(kl_divergence(half, quarter) == Approx(0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3)));
  CHECK(kl_divergence(quarter, half) == Approx(0.25 * std::log(0.5) + 0.75 * std::log(1.5)));
}

TEST_CASE("a model is not far from itself, and scores as it does alone", "[engine][pair]") {
  Bound one(7), same(7);
  const ByteTokenizer tokenizer(64);
  PairScorer pair(one.transformer, same.transformer, tokenizer, {});
  ModelScorer alone(one.transformer, tokenizer, {});
  const std::vector<Answer> both = answers(pair, kRequests), expected = answers(alone, kRequests);
  for (size_t i = 0; i < kRequests.size(); ++i) {
    CAPTURE(i);
    CHECK(both[i].token_divergences == std::vector<float>(both[i].tokens, 0.0f));
    CHECK(both[i].log_prob == Approx(expected[i].log_prob).margin(1e-5));
    CHECK(both[i].tokens == expected[i].tokens);
    CHECK(both[i].greedy == expected[i].greedy);
    CHECK(both[i].saved == expected[i].saved);
    CHECK(expected[i].token_divergences.empty());
  }
}

TEST_CASE("the divergence of two models is that of the slow way, token by token", "[engine][pair]") {
  Bound dense(7), other(8);
  const ByteTokenizer tokenizer(64);
  PairScorer pair(dense.transformer, other.transformer, tokenizer, {.batch_tokens = 40});
  const std::vector<Answer> both = answers(pair, kRequests);
  for (size_t i = 0; i < kRequests.size(); ++i) {
    const LogLikelihood& request = std::get<LogLikelihood>(kRequests[i]);
    REQUIRE(both[i].token_divergences.size() == request.target.size());
    double log_prob = 0;
    for (size_t t = 0; t < request.target.size(); ++t) {
      CAPTURE(i, t);
      const std::string before = request.context + request.target.substr(0, t);
      const std::vector<double> p = next_probabilities(dense, before), q = next_probabilities(other, before);
      double divergence = 0;
      for (size_t v = 0; v < p.size(); ++v) divergence += p[v] * std::log(p[v] / q[v]);
      CHECK(double(both[i].token_divergences[t]) == Approx(divergence).epsilon(1e-4));
      CHECK(divergence > 0.01);
      log_prob += std::log(q[static_cast<unsigned char>(request.target[t]) % 64]);
    }
    CHECK(both[i].log_prob == Approx(log_prob).epsilon(1e-4));
  }
}
