#include <catch2/catch.hpp>

#include <cmath>
#include <set>

#include "harness/base/parallel.h"
#include "harness/engine/model_scorer.h"
#include "harness/engine/prefix.h"
#include "harness/engine/sampling.h"
#include "test/support/byte_tokenizer.h"
#include "test/support/tiny_model.h"

using namespace evalharness;
using Ids = std::vector<int32_t>;

namespace {

// A tiny model with an engine around it.
struct Engine {
  explicit Engine(EngineOptions options = {}, Dtype dtype = Dtype::f32)
      : model(tiny_model(7, dtype)), backend(make_cpu_backend({})), transformer(model, *backend), tokenizer(64),
        scorer(transformer, tokenizer, options) {}

  std::vector<Answer> answers(const std::vector<Request>& requests) {
    std::vector<Answer> all(requests.size());
    for (const Unit& unit : scorer.plan(requests)) {
      std::vector<Answer> part = scorer.answer(requests, unit);
      for (size_t i = 0; i < part.size(); ++i) all[unit.requests[i]] = part[i];
    }
    return all;
  }

  Model model;
  std::unique_ptr<Backend> backend;
  Transformer transformer;
  ByteTokenizer tokenizer;
  ModelScorer scorer;
};

// Log-probability of `next` after `ids`, one forward of the whole sequence.
double next_log_prob(Engine& e, const Ids& ids, int32_t next) {
  Batch batch;
  batch.add(0, 0, ids);
  const size_t capacity[] = {ids.size()};
  const auto cache = e.transformer.make_cache(capacity, false);
  const MatrixView hidden = e.transformer.forward(batch, *cache);
  const int32_t target[] = {next};
  return double(e.transformer.head(hidden.rows_from(ids.size() - 1, 1), target)[0].log_prob);
}

// The same of a target, token by token: no batch, no cache, no header.
double plain_log_prob(Engine& e, const Request& request) {
  const LogLikelihood& pair = std::get<LogLikelihood>(request);
  Ids ids = e.tokenizer.encode(pair.context);
  double sum = 0;
  for (const int32_t token : e.tokenizer.encode(pair.target)) {
    sum += next_log_prob(e, ids, token);
    ids.push_back(token);
  }
  return sum;
}

Scored window(size_t n, Protocol protocol, size_t index) {
  Ids tokens;
  for (size_t i = 0; i < n; ++i) tokens.push_back(static_cast<int32_t>(i));
  return make_window(tokens, protocol, 4, index, ByteTokenizer(256, 99));
}

}  // namespace

TEST_CASE("whitespace at the end of a context moves to the target", "[engine]") {
  const ByteTokenizer bytes;
  const Scored pair = encode_pair(bytes, {"ab \n", "c"}, 100);
  CHECK(pair.inputs == Ids{'a', 'b', ' ', '\n'});
  CHECK(pair.targets == Ids{' ', '\n', 'c'});
}

TEST_CASE("a text that begins with BOS is given no second one", "[engine]") {
  const ByteTokenizer tokenizer(256, 'B', /*adds_bos=*/true);
  CHECK(encode_prompt(tokenizer, "ab") == Ids{'B', 'a', 'b'});
  CHECK(encode_prompt(tokenizer, "Bab") == Ids{'B', 'a', 'b'});
  CHECK(encode_pair(tokenizer, {"Ba", "b"}, 8).inputs == Ids{'B', 'a'});
}

TEST_CASE("an empty context becomes the prefix token", "[engine]") {
  const ByteTokenizer bytes(256, 7);
  CHECK(encode_pair(bytes, {"", "ab"}, 100).inputs == Ids{7, 'a'});
  CHECK(encode_pair(bytes, {"", "ab"}, 100).targets == Ids{'a', 'b'});
  CHECK(encode_pair(bytes, {" ", "ab"}, 100).targets == Ids{' ', 'a', 'b'});
}

TEST_CASE("a long context is cut on the left and the cut is counted", "[engine]") {
  const Scored pair = encode_pair(ByteTokenizer(), {"abcdef", "gh"}, 4);
  CHECK(pair.inputs == Ids{'d', 'e', 'f', 'g'});
  CHECK(pair.targets == Ids{'g', 'h'});
  CHECK(pair.truncated == 3);
  CHECK_THROWS_WITH(encode_pair(ByteTokenizer(), {"a", "bcdefg"}, 4),
                    "a target of 6 tokens does not fit the model's context of 4");
}

TEST_CASE("lm-eval's rolling windows: one token of context, the last shifted left", "[engine]") {
  // Ten tokens, windows of four: (-1 | 0 1 2 3), (3 | 4 5 6 7), (5 6 7 | 8 9); -1 is the prefix token.
  const Protocol p{.kind = Protocol::Kind::kLmEval, .window = 0};
  CHECK(window_count(10, p, 4) == 3);
  CHECK(window(10, p, 0).inputs == Ids{99, 0, 1, 2});
  CHECK(window(10, p, 0).targets == Ids{0, 1, 2, 3});
  CHECK(window(10, p, 1).inputs == Ids{3, 4, 5, 6});
  CHECK(window(10, p, 1).targets == Ids{4, 5, 6, 7});
  CHECK(window(10, p, 2).inputs == Ids{5, 6, 7, 8});
  CHECK(window(10, p, 2).targets == Ids{8, 9});
}

TEST_CASE("paper windows lie side by side and never score their first token", "[engine]") {
  const Protocol p{.kind = Protocol::Kind::kWindows, .window = 4};
  CHECK(window_count(11, p, 100) == 2);
  CHECK(window(11, p, 1).inputs == Ids{4, 5, 6});
  CHECK(window(11, p, 1).targets == Ids{5, 6, 7});
  CHECK(window_count(11, {.window = 4, .max_tokens = 7}, 100) == 1);
}

TEST_CASE("llama.cpp windows score the second half", "[engine]") {
  const Protocol p{.kind = Protocol::Kind::kSecondHalf, .window = 8};
  CHECK(window(16, p, 0).targets == Ids{5, 6, 7});  // 255 of 512
  CHECK(window(16, p, 1).inputs == Ids{8, 9, 10, 11, 12, 13, 14});
}

TEST_CASE("a batch gives each pair the answer that it has alone", "[engine]") {
  Engine e;
  const std::vector<Request> requests = {LogLikelihood{"ABC", "DE"}, LogLikelihood{"Q", "R"}, LogLikelihood{"ABCDEFGH", "I"}};
  const std::vector<Answer> answers = e.answers(requests);
  const double expected = next_log_prob(e, {1, 2, 3}, 4) + next_log_prob(e, {1, 2, 3, 4}, 5);  // 'A' % 64 is 1
  CHECK(answers[0].log_prob == Approx(expected).margin(1e-5));
  CHECK(answers[0].tokens == 2);
  CHECK(answers[0].token_log_probs.size() == 2);
  CHECK(answers[1].log_prob == Approx(next_log_prob(e, {17}, 18)).margin(1e-5));
}

TEST_CASE("a rolling answer has one count and its log-probabilities for each window", "[engine]") {
  Engine e({.batch_tokens = 8});
  const Rolling text{"ABCDEFGHIJKLMNOPQR", {.kind = Protocol::Kind::kWindows, .window = 4, .max_windows = 3}};
  const std::vector<Request> requests = {text};
  const std::vector<Unit> units = e.scorer.plan(requests);
  REQUIRE(units.size() == 2);  // two windows of four fill eight tokens; then the third
  CHECK(units[1].first_window == 2);
  const Answer first = e.scorer.answer(requests, units[0])[0];
  CHECK(first.window_tokens == std::vector<uint32_t>{3, 3});
  CHECK(first.windows_available == 4);
  CHECK(double(first.token_log_probs[3]) == Approx(next_log_prob(e, {5}, 6)).margin(1e-5));
}

TEST_CASE("choices behind one context cost it once, and score as they do alone", "[engine]") {
  const std::string context = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::vector<Request> choices = {LogLikelihood{context, "12"}, LogLikelihood{context, "3456"},
                                        LogLikelihood{context, "7"}, LogLikelihood{"another question", "8"}};
  Engine e;
  const std::vector<Unit> units = e.scorer.plan(choices);
  REQUIRE(units.size() == 1);
  CHECK(units[0].cost_tokens == 26 + 1 + 3 + 0 + 16);  // the last token of a choice is not read
  const std::vector<Answer> together = e.answers(choices);
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::vector<Request> one = {choices[i]};
    const Answer alone = e.answers(one)[0];
    CHECK(together[i].log_prob == Approx(alone.log_prob).margin(1e-5));
    CHECK(together[i].greedy == alone.greedy);
    CHECK(together[i].tokens == alone.tokens);
  }
  CHECK(together[0].saved == 0);
  CHECK(together[1].saved == 26);
  CHECK(together[3].saved == 0);
}

TEST_CASE("generations behind one header are what they are alone", "[engine]") {
  const std::string header(100, 'H');
  std::vector<Request> requests;
  for (const std::string end : {"ABC", "ABD", "Q", ""})
    requests.push_back(Generate{.context = header + end, .until = {}, .max_tokens = 6});
  // A cache for all of them, for two at a time, and for one: an answer's tokens are in it, too.
  for (const size_t room : {10000, 220, 10}) {
    Engine e({.batch_tokens = 64, .generation_tokens = room});
    const std::vector<Answer> together = e.answers(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      CAPTURE(room, i);
      const std::vector<Request> one = {requests[i]};
      CHECK(e.answers(one)[0].texts == together[i].texts);
    }
    CHECK(together[0].saved == 0);
    CHECK(together[1].saved >= 100);  // the header and "AB" or, behind others, a little less
    CHECK(together[2].saved == 100);
    CHECK(together[3].saved == 99);  // the last token of a prompt is computed in any case
  }
}

TEST_CASE("a finished text makes room for the next, whatever their lengths", "[engine]") {
  std::vector<Request> requests;
  for (size_t i = 0; i < 9; ++i)
    requests.push_back(Generate{.context = std::string(1 + 7 * i % 30, static_cast<char>('A' + i)), .until = {}, .max_tokens = 1 + i % 4 * 3});
  Engine few({.generation_tokens = 90}), many;  // two sequences at a time, and all
  const std::vector<Answer> a = few.answers(requests), b = many.answers(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    CHECK(a[i].texts == b[i].texts);
    CHECK(a[i].tokens <= 1 + i % 4 * 3);
  }
}

TEST_CASE("a token is drawn by temperature, top_k and top_p, the likeliest first", "[engine][sampling]") {
  const std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f)};  // 1/8, 2/8, 5/8
  CHECK(sample_token(logits, {}, 0.62) == 2);
  CHECK(sample_token(logits, {}, 0.63) == 1);
  CHECK(sample_token(logits, {}, 0.87) == 1);
  CHECK(sample_token(logits, {}, 0.88) == 0);
  CHECK(sample_token(logits, {.temperature = 0.5}, 0.83) == 2);  // 1/30, 4/30, 25/30
  CHECK(sample_token(logits, {.temperature = 0.5}, 0.84) == 1);
  CHECK(sample_token(logits, {.top_k = 1}, 0.99) == 2);
  CHECK(sample_token(logits, {.top_k = 2}, 0.99) == 1);
  CHECK(sample_token(logits, {.top_p = 0.6}, 0.99) == 2);
  CHECK(sample_token(logits, {.top_p = 0.7}, 0.99) == 1);
  CHECK(sample_token(logits, {.top_p = 0.7}, 0.70) == 2);  // 5/7 of what is left
  const std::vector<float> ties = {1, 3, 3, 3};
  CHECK(sample_token(ties, {.top_k = 2}, 0.0) == 1);   // ties with the second stay, as in the original
  CHECK(sample_token(ties, {.top_k = 2}, 0.99) == 3);
}

TEST_CASE("samples are drawn by what is asked: not by order, company or threads", "[engine][sampling][threads]") {
  std::vector<Request> requests;
  for (const std::string context : {"ABC", "ABD", "a longer question than these"})
    requests.push_back(Generate{.context = context, .until = {}, .max_tokens = 8, .temperature = 1.5, .samples = 5, .seed = 3});
  const size_t threads = thread_count();
  std::vector<std::vector<Answer>> seen;
  for (const size_t n : {size_t{1}, size_t{3}}) {
    set_thread_count(n);
    Engine e({.generation_tokens = 80});
    seen.push_back(e.answers(requests));
  }
  set_thread_count(threads);
  Engine e;
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK(seen[0][i].texts == seen[1][i].texts);
    CHECK(seen[0][i].texts.size() == 5);
    CHECK(std::set<std::string>(seen[0][i].texts.begin(), seen[0][i].texts.end()).size() > 1);
    const std::vector<Request> one = {requests[i]};
    CHECK(e.answers(one)[0].texts == seen[0][i].texts);
  }
  std::get<Generate>(requests[0]).seed = 4;
  CHECK(e.answers(requests)[0].texts != seen[0][0].texts);
}

TEST_CASE("greedy samples are one text", "[engine][sampling]") {
  Engine e;
  const std::vector<Request> requests = {Generate{.context = "ABC", .until = {}, .max_tokens = 4, .samples = 3}};
  const Answer answer = e.answers(requests)[0];
  REQUIRE(answer.texts.size() == 3);
  CHECK(answer.texts[2] == answer.texts[0]);
  CHECK(answer.tokens <= 4);
}

TEST_CASE("sequences share with the one before what they begin with in common, at every level", "[engine]") {
  Ids header(20), question(10, 100), other(10, 200);
  for (size_t i = 0; i < header.size(); ++i) header[i] = static_cast<int32_t>(i);
  const auto joined = [&](const Ids& middle, const Ids& end) {
    Ids ids = header;
    ids.insert(ids.end(), middle.begin(), middle.end());
    ids.insert(ids.end(), end.begin(), end.end());
    return ids;
  };
  PrefixTree tree;
  CHECK(tree.add(joined(question, {1, 2, 3})) == 0);
  CHECK(tree.add(joined(question, {4, 5})) == 30);
  CHECK(tree.add(joined(question, {4, 5})) == 32);  // the same again
  CHECK(tree.add(joined(other, {6})) == 20);        // another question behind the header
  CHECK(tree.add(joined(other, {7})) == 30);
  CHECK(tree.add(Ids{0, 1, 2, 3, 4, 5, 6, 77}) == 0);  // seven tokens in common are not worth a node
  CHECK(tree.rows() == 33 + 2 + 0 + 11 + 1 + 8);
  // Header, question and its two ends, the other and its two, and the last.
  CHECK(tree.nodes().size() == 8);
  size_t sum = 0;
  for (const PrefixNode& node : tree.nodes()) {
    sum += node.end - node.begin;
    if (node.parent != SIZE_MAX) CHECK(tree.nodes()[node.parent].end == node.begin);
  }
  CHECK(sum == tree.rows());
  CHECK(tree.ends()[1] == tree.ends()[2]);
}

TEST_CASE("choices behind questions behind a header score as they do alone", "[engine]") {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    Engine e({}, dtype);
    const std::string header(100, 'H');  // longer than a block of the cache
    std::vector<Request> requests;
    for (const std::string question : {"ABCDEFGHIJ", "ZYXWVUTSRQ", "ABCDEFGHIK"})
      for (const std::string choice : {"1", "1234", "56", "1"}) requests.push_back(LogLikelihood{header + question, choice});
    REQUIRE(e.scorer.plan(requests).size() == 1);
    const std::vector<Answer> together = e.answers(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      CAPTURE(dtype_name(dtype), i);
      // Keys meet in other steps of the softmax, whose weights a bf16 cache rounds.
      CHECK(together[i].log_prob == Approx(plain_log_prob(e, requests[i])).margin(dtype == Dtype::f32 ? 1e-5 : 2e-2));
      CHECK(together[i].tokens == std::get<LogLikelihood>(requests[i]).target.size());
    }
    CHECK(together[0].saved == 0);
    CHECK(together[1].saved == 110);
    CHECK(together[4].saved == 100);
    CHECK(together[5].saved == 110);
  }
}

TEST_CASE("a header that units have in common is computed once, and a unit's answers do not depend on that", "[engine]") {
  const std::string header(200, 'H');
  std::vector<Request> requests;
  for (char question = 'A'; question <= 'I'; ++question)
    for (const std::string choice : {"1", "23"}) requests.push_back(LogLikelihood{header + std::string(12, question), choice});
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    Engine e({.batch_tokens = 64}, dtype);
    const std::vector<Unit> units = e.scorer.plan(requests);
    REQUIRE(units.size() == 3);  // 8 tokens of the header and four questions of 13 tokens at a time: 60 rows
    for (const Unit& unit : units) {
      CHECK(unit.header.tokens == 192);  // whole blocks
      CHECK(unit.header.repeats == (&unit != &units[0]));
      CHECK(unit.cost_tokens == (unit.header.repeats ? 0 : 192) + 8 + unit.requests.size() / 2 * 13);
    }
    const std::vector<Answer> together = e.answers(requests);
    CHECK(together[1].saved == 212);
    CHECK(together[2].saved == 200);
    CHECK(together[8].saved == 192);  // the first of the second unit
    for (const Unit& unit : units) {
      Engine fresh({.batch_tokens = 64}, dtype);  // as after a resume
      const std::vector<Answer> again = fresh.scorer.answer(requests, unit);
      for (size_t i = 0; i < unit.requests.size(); ++i) {
        CAPTURE(dtype_name(dtype), unit.requests[i]);
        CHECK(again[i].log_prob == together[unit.requests[i]].log_prob);
        CHECK(again[i].saved == together[unit.requests[i]].saved);
        CHECK(again[i].log_prob == Approx(plain_log_prob(e, requests[unit.requests[i]])).margin(dtype == Dtype::f32 ? 1e-5 : 2e-2));
      }
    }
  }
}

TEST_CASE("one header after another, as long, is not taken for it", "[engine]") {
  std::vector<Request> requests;
  for (const char header : {'H', 'K', 'H'})
    for (char question = 'A'; question < 'G'; ++question)
      requests.push_back(LogLikelihood{std::string(200, header) + std::string(12, question), "12"});
  Engine e({.batch_tokens = 48});
  const std::vector<Unit> units = e.scorer.plan(requests);
  REQUIRE(units.size() == 6);
  for (size_t u = 0; u < units.size(); ++u) CHECK((units[u].header.tokens == 192 && units[u].header.repeats == (u % 2 == 1)));
  const std::vector<Answer> together = e.answers(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    CHECK(together[i].log_prob == Approx(plain_log_prob(e, requests[i])).margin(1e-5));
  }
}

TEST_CASE("what one unit has in common is no header, and a unit of one document takes that of its neighbours", "[engine]") {
  Engine e({.batch_tokens = 128});
  const std::string header(70, 'H');
  const auto question = [&](char letter, size_t length) { return LogLikelihood{header + std::string(length, letter), "1"}; };
  const std::vector<Request> long_questions = {question('A', 120), question('B', 120), question('C', 120)};
  std::vector<Unit> units = e.scorer.plan(long_questions);
  REQUIRE(units.size() == 3);  // 126 rows each
  for (const Unit& unit : units) CHECK((unit.header.tokens == 64 && unit.header.repeats == (&unit != &units[0])));
  const std::vector<Request> one = {question('A', 120)};
  CHECK(e.scorer.plan(one)[0].header.tokens == 0);
}

TEST_CASE("windows longer than the model's context are refused", "[engine]") {
  Engine e;
  const std::vector<Request> requests = {Rolling{"ABC", {.kind = Protocol::Kind::kWindows, .window = 257}}};
  CHECK_THROWS_WITH(e.scorer.plan(requests), "windows of 257 tokens do not fit the model's context of 256");
}

TEST_CASE("generation takes the likeliest token until a stop string, the batch does not matter", "[engine]") {
  Engine e;
  const std::vector<Request> requests = {Generate{.context = "ABC", .until = {}, .max_tokens = 12},
                                         Generate{.context = "ZYXWV", .until = {}, .max_tokens = 5}};
  const std::vector<Answer> answers = e.answers(requests);
  Ids ids = {1, 2, 3};
  for (size_t i = 0; i < 12 && i < answers[0].tokens; ++i) {
    int32_t best = 0;
    for (int32_t t = 0; t < 64; ++t)
      if (next_log_prob(e, ids, t) > next_log_prob(e, ids, best)) best = t;
    CHECK(answers[0].texts[0][i] == static_cast<char>(best));
    ids.push_back(best);
  }
  for (size_t i = 0; i < 2; ++i)  // fewer than allowed: the end token came
    CHECK(answers[i].unfinished == (answers[i].tokens == std::get<Generate>(requests[i]).max_tokens ? 1 : 0));
  REQUIRE(answers[0].tokens >= 3);
  const std::string stop = answers[0].texts[0].substr(2, 1);
  const std::vector<Request> stopped = {Generate{.context = "ABC", .until = {stop}, .max_tokens = 12}};
  const Answer cut = e.answers(stopped)[0];
  CHECK(cut.texts[0] == answers[0].texts[0].substr(0, answers[0].texts[0].find(stop)));
  CHECK(cut.unfinished == 0);
}

TEST_CASE("a prompt that leaves no room for the answer is cut on the left, and counted", "[engine]") {
  Engine e;  // a context of 256
  const std::vector<Request> requests = {Generate{.context = std::string(300, 'A'), .until = {}, .max_tokens = 6},
                                         Generate{.context = std::string(250, 'A'), .until = {}, .max_tokens = 6}};
  const std::vector<Answer> answers = e.answers(requests);
  CHECK(answers[0].truncated == 50);
  CHECK(answers[1].truncated == 0);
  CHECK(answers[0].texts == answers[1].texts);
}

TEST_CASE("answers are the same bytes on one and on three threads", "[engine][threads]") {
  std::vector<Request> requests;
  for (int i = 0; i < 40; ++i)
    requests.push_back(LogLikelihood{std::string(static_cast<size_t>(1 + i % 13), static_cast<char>('A' + i % 26)), "XY"});
  const size_t threads = thread_count();
  std::vector<std::vector<float>> seen;
  for (const size_t n : {size_t{1}, size_t{3}}) {
    set_thread_count(n);
    Engine e({.batch_tokens = 64}, Dtype::bf16);
    std::vector<float> values;
    for (const Answer& a : e.answers(requests)) values.insert(values.end(), a.token_log_probs.begin(), a.token_log_probs.end());
    seen.push_back(values);
  }
  set_thread_count(threads);
  CHECK(seen[0] == seen[1]);
}
