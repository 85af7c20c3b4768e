// The engine on the real model against the figures of the Python originals.
#include <catch2/catch.hpp>

#include <cmath>

#include "test/support/golden.h"
#include "test/support/larger.h"

using namespace evalharness;

namespace {

}  // namespace

TEST_CASE("log-probabilities of next tokens and greedy continuations equal the original's", "[golden][engine]") {
  const auto path = required("EVALHARNESS_TEST_MODEL");
  if (!path) return;
  RealModel real(*path);
  const Value logits = golden("logits.json");
  for (const Value& prompt : logits.find("prompts")->list()) {
    CAPTURE(prompt.find("name")->string());
    const std::vector<int32_t> ids = ids_of(*prompt.find("ids"));
    CHECK(real.tokenizer->encode(prompt.find("text")->string()) == ids);
    Batch batch;
    batch.add(0, 0, ids);
    const size_t capacity[] = {ids.size() + 24};
    const auto cache = real.transformer.make_cache(capacity, true);
    const MatrixView hidden = real.transformer.forward(batch, *cache);
    std::vector<int32_t> targets(ids.begin() + 1, ids.end());
    targets.push_back(-1);
    std::vector<TokenScore> scores = real.transformer.head(hidden, targets);
    const Value::List& expected = prompt.find("logprob_next_f32")->list();
    double largest = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      largest = test::larger(largest, std::abs(double(scores[i].log_prob) - expected[i].number()));
    CHECK(largest < 2e-4);
    // The continuation does not stop at the end of a turn: taken step by step here.
    std::vector<int32_t> greedy = {scores.back().best};
    while (greedy.size() < 24) {
      Batch next;
      next.add(0, cache->length(0), std::span(greedy).last(1));
      const MatrixView row = real.transformer.forward(next, *cache);
      greedy.push_back(real.transformer.head(row, std::vector<int32_t>{-1})[0].best);
    }
    CHECK(greedy == ids_of(*prompt.find("greedy24_ids")));
  }
}
