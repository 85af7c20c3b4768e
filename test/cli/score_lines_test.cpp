// What `score` reads and writes: the lines that adapters/lm_eval_adapter.py sends, and what it takes out of the answers.
#include "harness/cli/score_lines.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/engine/model_scorer.h"
#include "test/support/byte_tokenizer.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// Answers with what it was asked.
class Echo final : public Scorer {
 public:
  std::vector<Unit> plan(std::span<const Request> requests) override {
    std::vector<Unit> units;
    for (size_t i = requests.size(); i > 0; --i) units.push_back({{i - 1}, 0, 0, 1});  // the last one first
    return units;
  }
  std::vector<Answer> answer(std::span<const Request> requests, const Unit& unit) override {
    const Request& request = requests[unit.requests.front()];
    Answer answer;
    if (const auto* pair = std::get_if<LogLikelihood>(&request)) {
      answer.log_prob = -static_cast<double>(pair->context.size()) - static_cast<double>(pair->target.size()) / 16;
      answer.greedy = pair->target == " b";
    } else if (const auto* rolling = std::get_if<Rolling>(&request)) {
      answer.log_prob = -static_cast<double>(rolling->text.size());
    } else {
      const Generate& generate = std::get<Generate>(request);
      answer.texts = {cat(generate.context, "|", join(generate.until, "/"), "|", generate.max_tokens)};
    }
    answer.tokens = 3;
    answer.token_log_probs = {-1.5F};
    return {answer};
  }
};

std::string scored(const std::string& lines, Scorer& scorer, bool token_log_probs = false) {
  std::istringstream in(lines);
  std::ostringstream out;
  score_lines(in, out, scorer, token_log_probs);
  return out.str();
}

std::string echoed(const std::string& lines, bool token_log_probs = false) {
  Echo echo;
  return scored(lines, echo, token_log_probs);
}

double log_prob_of(const std::string& line, Scorer& scorer) {
  return parse_json(scored(line + "\n", scorer), "answer").find("log_prob")->number();
}

}  // namespace

TEST_CASE("requests of every kind are answered line by line, in order", "[cli][score]") {
  CHECK(echoed("{\"context\": \"a\", \"target\": \" b\"}\n"
               "{\"context\": \"Q: \\u00e9\", \"until\": [\"\\n\", \"Q\"], \"max_tokens\": 7}\n"
               "{\"rolling\": \"four\"}\n"
               "{\"context\": \"\", \"target\": \"c\"}") ==
        "{\"log_prob\":-1.125,\"tokens\":3,\"greedy\":true}\n"
        "{\"text\":\"Q: \xC3\xA9|\\n/Q|7\",\"tokens\":3}\n"
        "{\"log_prob\":-4.0,\"tokens\":3}\n"
        "{\"log_prob\":-0.0625,\"tokens\":3,\"greedy\":false}\n");
  CHECK(echoed("{\"context\": \"x\"}\n") == "{\"text\":\"x||256\",\"tokens\":3}\n");
  CHECK(echoed("{\"rolling\": \"\"}\n", true) == "{\"log_prob\":-0.0,\"tokens\":3,\"token_log_probs\":[-1.5]}\n");
  CHECK(echoed("") == "");
}

TEST_CASE("more lines than are answered at once keep their order", "[cli][score]") {
  std::string lines, expected;
  for (size_t i = 1; i <= 150; ++i) {
    lines += cat("{\"rolling\": \"", std::string(i, 'x'), "\"}\n");
    expected += cat("{\"log_prob\":-", i, ".0,\"tokens\":3}\n");
  }
  CHECK(echoed(lines) == expected);
}

TEST_CASE("a line that is no request is named", "[cli][score]") {
  CHECK_THROWS_WITH(echoed("{\"rolling\": \"a\"}\n{\"rolling\": \"a\", \"target\": \"b\"}\n"),
                    "stdin:2: target: unknown key");
  CHECK_THROWS_WITH(echoed("{\"rollin\": \"a\"}\n"), "stdin:1: rollin: unknown key (did you mean 'rolling'?)");
  CHECK_THROWS_WITH(echoed("{\"rolling\": 3}\n"), "stdin:1: rolling: expected a string, got integer");
  CHECK_THROWS_WITH(echoed("{\"target\": \"b\"}\n"), "stdin:1: missing key 'context'");
  CHECK_THROWS_WITH(echoed("[]\n"), "stdin:1: expected an object, got list");
}

TEST_CASE("a rolling log-likelihood is that of the text behind nothing, by windows with a token of context", "[cli][score][engine]") {
  const Model model = tiny_model(7, Dtype::f32);
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend);
  const ByteTokenizer tokenizer(64);
  ModelScorer whole(transformer, tokenizer, {});
  CHECK(log_prob_of(R"({"rolling": "abcd"})", whole) ==
        Approx(log_prob_of(R"({"context": "", "target": "abcd"})", whole)).epsilon(1e-6));
  // Four tokens at a time, and a unit for each window.
  ModelScorer cut(transformer, tokenizer, {.batch_tokens = 4, .generation_tokens = 64, .max_length = 4});
  const double expected = log_prob_of(R"({"context": "", "target": "abcd"})", cut) +
                          log_prob_of(R"({"context": "abcd", "target": "efgh"})", cut);
  CHECK(log_prob_of(R"({"rolling": "abcdefgh"})", cut) == Approx(expected).epsilon(1e-6));
  CHECK(parse_json(scored("{\"rolling\": \"abcdefgh\"}\n", cut), "answer").find("tokens")->integer() == 8);
}
