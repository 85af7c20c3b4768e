// The metrics a task file may name beside accuracies: how answers become items, and items a score.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "harness/metrics/aggregate.h"
#include "harness/metrics/paired.h"
#include "tasks/task.h"

using namespace evalharness;

namespace {

Document one_row(const std::string& json) { return Document::parse(json, "made_up.jsonl:1"); }

TaskPtr choosing(const std::string& metrics) {
  return parse_task(
      "task: made_up\ndataset_path: piqa\ntest_split: test\noutput_type: multiple_choice\n"
      "doc_to_text: '{{q}}'\ndoc_to_choice: [one, two]\ndoc_to_target: a\nmetric_list: " +
          metrics + "\n",
      "t.yaml");
}

TaskPtr writing(const std::string& metrics) {
  return parse_task(
      "task: made_up\ndataset_path: gsm8k\ntest_split: test\ndoc_to_text: '{{q}}'\n"
      "doc_to_target: '{{a}}'\nmetric_list: " +
          metrics + "\n",
      "t.yaml");
}

std::vector<Item> chosen(const Task& task, const std::string& right, double one, double two) {
  std::vector<Answer> answers(2);
  answers[0].log_prob = one;
  answers[1].log_prob = two;
  return task.score(one_row(R"({"q": "?", "a": )" + right + "}"), answers);
}

std::vector<Item> written(const Task& task, const std::string& right, const std::string& text) {
  Answer answer;
  answer.texts = {text};
  return task.score(one_row(R"({"q": "?", "a": )" + right + "}"), {answer});
}

// Of the task's first metric.
Estimate score(const Task& task, const std::vector<std::vector<Item>>& documents) {
  std::vector<Item> items;
  for (const std::vector<Item>& document : documents) items.push_back(document.at(0));
  return aggregate(items, task.info().metrics.at(0).aggregation);
}

}  // namespace

TEST_CASE("f1 and mcc of choices are of the corpus", "[tasks][metrics]") {
  // TP 2, FP 1, FN 1, TN 1.
  for (const auto& [metric, expected] : {std::pair{"f1", 2.0 / 3}, {"mcc", 1.0 / 6}}) {
    const TaskPtr task = choosing(std::string("[{metric: ") + metric + "}]");
    const Estimate estimate = score(
        *task, {chosen(*task, "0", -1, -2), chosen(*task, "1", -2, -1), chosen(*task, "1", -1, -2),
                chosen(*task, "0", -2, -1), chosen(*task, "1", -2, -1)});
    CHECK(*estimate.value == Approx(expected));
    CHECK(estimate.standard_error);
    CHECK(score(*task, {chosen(*task, "0", std::numeric_limits<double>::quiet_NaN(), -1)}) ==
          Estimate::missing("diverged"));
  }
}

TEST_CASE("brier_score takes the softmax of the choices", "[tasks][metrics]") {
  const TaskPtr task = choosing("[{metric: brier_score}]");
  CHECK(!task->info().metrics[0].higher_is_better);
  // 3/4 for the right one, then 1/4: 2/16 and 18/16.
  CHECK(*score(*task, {chosen(*task, "0", std::log(0.3), std::log(0.1)),
                       chosen(*task, "1", std::log(0.3), std::log(0.1))})
             .value == Approx(10.0 / 16));
}

TEST_CASE("a metric of one right choice refuses two", "[tasks][metrics]") {
  CHECK_THROWS_WITH(chosen(*choosing("[{metric: mcc}]"), "[0, 1]", -1, -2),
                    "made_up.jsonl:1: metric 'mcc' needs one right choice, got 2");
}

TEST_CASE("bleu, chrf and ter of what was written are of the corpus", "[tasks][metrics]") {
  const TaskPtr task = writing("[{metric: bleu}, {metric: chrf}, {metric: chrf++}, {metric: ter}]");
  const std::vector<Item> items =
      written(*task, R"("the cat is on the mat")", "the cat sat on the mat");
  REQUIRE(items.size() == 4);
  CHECK(items[0].metric == "bleu,none");
  // 5/6, 3/5, 1/4 and half of 1/3: the score of this text alone.
  CHECK(items[0].value == Approx(100 * std::pow(5.0 / 6 * 3 / 5 * 1 / 4 * 0.5 / 3, 0.25)));
  CHECK(items[3].value == Approx(100.0 / 6));
  CHECK(!task->info().metrics[3].higher_is_better);
  // One edit for 6 words and two for 2.
  const TaskPtr ter = writing("[{metric: ter}]");
  CHECK(*score(*ter, {written(*ter, R"("the cat is on the mat")", "the cat sat on the mat"),
                      written(*ter, R"("a b")", "c d")})
             .value == Approx(300.0 / 8));
}

TEST_CASE("several targets are references of one text", "[tasks][metrics]") {
  const TaskPtr task = writing("[{metric: ter}, {metric: rougeL}]");
  const std::vector<Item> items = written(*task, R"("['a b c d', 'a b']")", "a b");
  CHECK(items[0].statistics == std::vector<double>{0, 3});
  CHECK(items[1].value == 1);
  CHECK_THROWS_WITH(written(*task, R"("[]")", "a b"),
                    "made_up.jsonl:1: t.yaml:5:16: doc_to_target: 'ter' needs a target, got none");
}

TEST_CASE("rouge of a task is the mean of F", "[tasks][metrics]") {
  const TaskPtr task = writing("[{metric: rouge1}, {metric: rouge2}, {metric: rougeL}]");
  const std::vector<Item> items = written(*task, R"("a b a b a b c")", "b a c a b");
  CHECK(items[0].value == Approx(5.0 / 6));
  CHECK(items[1].value == Approx(0.4));
  CHECK(items[2].value == Approx(2.0 / 3));
  CHECK(task->info().metrics[2].aggregation == "mean");
}

TEST_CASE("bytes that are no text become one sign before texts are compared", "[tasks][metrics]") {
  const TaskPtr task = writing("[{metric: chrf}]");
  CHECK(written(*task, R"("a\uFFFDb")",
                "a\xFF"
                "b")[0]
            .value == 100);
}

// lm_eval.api.registry.METRIC_REGISTRY of 0.4.13, by the kinds that score them.
TEST_CASE("every metric of lm-evaluation-harness's registry is known", "[tasks][metrics]") {
  const std::map<std::string, std::vector<std::string>> registry = {
      {"multiple_choice", {"acc", "acc_all", "acc_bytes", "acc_mutual_info", "acc_norm", "brier_score", "bypass", "exact_match", "f1",
                           "likelihood", "mcc"}},
      {"loglikelihood", {"acc", "perplexity", "bypass"}},
      {"loglikelihood_rolling", {"word_perplexity", "byte_perplexity", "bits_per_byte"}},
      {"generate_until", {"exact_match", "bleu", "chrf", "chrf++", "ter", "bypass"}}};
  for (const auto& [kind, metrics] : registry)
    for (const std::string& metric : metrics) {
      const TaskPtr task = parse_task("task: t\ndataset_path: piqa\ntest_split: test\noutput_type: " + kind +
                                          "\ndoc_to_text: '{{q}}'\ndoc_to_choice: [one, two]\ndoc_to_target: a\nmetric_list: [{metric: " +
                                          metric + "}]\n",
                                      "t.yaml");
      CHECK(task->info().metrics.at(0).key == metric + ",none");
    }
}

TEST_CASE("acc_all counts a question where all of its answers are judged right", "[tasks][metrics]") {
  const TaskPtr task = choosing("[{metric: acc_all}]");
  const auto judged = [&](int paragraph, int question, int label, int chosen) {
    std::vector<Answer> answers(2);
    answers[static_cast<size_t>(chosen)].log_prob = 1;
    return task->score(Document(Value::Map{{"q", "?"}, {"a", label}, {"idx", Value::Map{{"paragraph", paragraph}, {"question", question}}}},
                                "made_up.jsonl:1"),
                       answers);
  };
  // Two of three, which is what lm_eval.api.metrics.acc_all gives for them.
  const Estimate all = score(*task, {judged(0, 0, 1, 1), judged(0, 0, 0, 0), judged(0, 1, 1, 0), judged(0, 1, 0, 0),
                                     judged(1, 0, 1, 1)});
  CHECK(*all.value == Approx(2.0 / 3));
  CHECK(all.n == 3);
  CHECK(*all.standard_error == Approx(1.0 / 3));  // sqrt((1/9 + 1/9 + 4/9) / 2) / sqrt(3)
  CHECK_THROWS_WITH(chosen(*task, "0, \"idx\": {\"question\": 1}", -1, -2),
                    "made_up.jsonl:1: metric 'acc_all' needs idx: {paragraph: N, question: N}, got {'question': 1}");
}

TEST_CASE("acc_all of two models is paired by question", "[tasks][metrics]") {
  const auto item = [](double question, double value) { return Item{.metric = "", .value = value, .answer = "", .statistics = {0, question}}; };
  const std::vector<Item> before = {item(0, 1), item(0, 1), item(1, 1), item(1, 0)};
  const std::vector<Item> after = {item(0, 0), item(0, 0), item(1, 1), item(1, 1)};
  const PairResult pair = compare_items("acc_all,none", before, after, "acc_all");
  CHECK(*pair.difference.value == 0);
  CHECK(pair.difference.n == 2);
  CHECK(pair.only_dense_right == 1);
  CHECK(pair.only_compressed_right == 1);
}

TEST_CASE("likelihood is that of the right choice, of several the likeliest", "[tasks][metrics]") {
  const TaskPtr task = choosing("[{metric: likelihood}]");
  CHECK(*score(*task, {chosen(*task, "0", -1, -2), chosen(*task, "1", -1, -2)}).value == -1.5);
  CHECK(chosen(*task, "[1, 0]", -1, -2)[0].value == -1);
}

TEST_CASE("bypass asks and does not score", "[tasks][metrics]") {
  const TaskPtr choice = choosing("[{metric: bypass}]"), text = writing("[{metric: bypass}, {metric: exact_match}]");
  const TaskPtr cloze = parse_task(
      "task: made_up\ndataset_path: lambada_openai\ntest_split: test\noutput_type: loglikelihood\ndoc_to_text: '{{q}}'\n"
      "doc_to_target: '{{a}}'\nmetric_list: [{metric: bypass}]\n",
      "t.yaml");
  CHECK(score(*choice, {chosen(*choice, "0", -1, -2)}) == Estimate::missing("not scored (bypass)"));
  CHECK(score(*text, {written(*text, "\"x\"", "x")}) == Estimate::missing("not scored (bypass)"));
  CHECK(written(*text, "\"x\"", "x")[1].value == 1);
  CHECK(score(*cloze, {cloze->score(Document(Value::Map{{"q", Value("?")}, {"a", Value("x")}}, "made_up.jsonl:1"), std::vector<Answer>(1))}) ==
        Estimate::missing("not scored (bypass)"));
  const std::vector<Item> items = written(*text, "\"x\"", "x");
  CHECK(compare_items("bypass,none", std::span(items).first(1), std::span(items).first(1), "bypass").difference ==
        Estimate::missing("not scored (bypass)"));
}

TEST_CASE("what a metric cannot mean is an error with its place", "[tasks][metrics][config]") {
  CHECK_THROWS_WITH(writing("[{metric: bleu, aggregation: mean}]"),
                    "t.yaml:6:43: metric_list[0].aggregation: expected one of bleu, got 'mean'");
  CHECK_THROWS_WITH(
      choosing("[{metric: acc, aggregation: f1}]"),
      Catch::Contains("metric_list[0].aggregation: expected one of mean, nanmean, median, "
                      "brier_score, perplexity, weighted_perplexity, bits_per_byte, "
                      "token_perplexity, got 'f1'"));
  CHECK_THROWS_WITH(
      writing("[{metric: bleu, hf_evaluate: true}]"),
      "t.yaml:6:43: metric_list[0].hf_evaluate: needs Python's evaluate package; without it, "
      "'bleu' is computed here");
  CHECK_THROWS_WITH(writing("[{metric: meteor, hf_evaluate: true}]"),
                    "t.yaml:6:45: metric_list[0].hf_evaluate: needs Python's evaluate package; computed here are: exact_match "
                    "bleu chrf chrf++ ter rouge1 rouge2 rougeL accuracy f1 bypass");
  CHECK_THROWS_WITH(writing("[{metric: f1, hf_evaluate: true, average: macro}]"),
                    "t.yaml:6:24: metric_list[0].metric: f1 of written answers is known with hf_evaluate: true and "
                    "average: micro only (the share of right classes)");
}

TEST_CASE("accuracy and micro-averaged f1 of written answers are the share of right classes", "[tasks][metrics]") {
  // As sklearn's accuracy_score and f1_score(average="micro") of one answer at a time, then their mean.
  for (const char* metric : {"{metric: accuracy}", "{metric: accuracy, hf_evaluate: true}", "{metric: f1, aggregation: mean, hf_evaluate: true, average: micro}"}) {
    const TaskPtr task = writing(std::string("[") + metric + "]");
    const Estimate share = score(*task, {written(*task, "3", "3"), written(*task, "\"3\"", "-1"), written(*task, "0", "0"), written(*task, "0", "none")});
    CHECK(*share.value == 0.5);
    CHECK(*share.standard_error == Approx(0.288675));  // sqrt(4 * 0.25 / 3) / sqrt(4)
    Dataset rows;
    rows.documents = {one_row(R"({"q": "?", "a": "neutral"})")};
    CHECK_THROWS_WITH(task->documents(rows, {}, 0), "made_up.jsonl:1: t.yaml:5:16: doc_to_target: '" + task->info().metrics[0].key.substr(0, task->info().metrics[0].key.find(',')) +
                                                        "' needs the number of a class, got 'neutral'");
  }
}

TEST_CASE("a metric's keys that lm-evaluation-harness reads and does not use", "[tasks][metrics]") {
  CHECK(
      choosing("[{metric: f1, aggregation: f1, average: macro}]")->info().metrics[0].aggregation ==
      "f1");
  CHECK(writing("[{metric: exact_match, hf_evaluate: true}]")->info().metrics[0].key ==
        "exact_match,none");
}

TEST_CASE("of a metric that stands twice the last counts", "[tasks][metrics]") {
  const TaskPtr task = choosing("[{metric: acc}, {metric: f1}, {metric: acc, aggregation: median}]");
  REQUIRE(task->info().metrics.size() == 2);
  CHECK(task->info().metrics[1].key == "acc,none");
  CHECK(task->info().metrics[1].aggregation == "median");
  CHECK(chosen(*task, "0", -1, -2).size() == 2);
}
