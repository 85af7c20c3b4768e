// Prompts and scores against lm-evaluation-harness 0.4.13 on the real data:
// test/golden/lm_eval.json.

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/metrics/aggregate.h"
#include "tasks/task.h"

using namespace evalharness;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

const Value& golden_task(const std::string& task) {
  static const Value all =
      parse_json(read(home_directory() + "/test/golden/lm_eval.json"), "lm_eval.json");
  return *all.find("tasks")->find(task);
}

const char* data_directory() {
  const char* const directory = std::getenv("EVALHARNESS_DATA");
  if (!directory) std::cerr << "SKIPPED: EVALHARNESS_DATA names no folder with the real data\n";
  return directory;
}

Dataset load(const std::string& name, const std::string& split) {
  return load_dataset(name, split, {.offline = true, .allow_sample = false});
}

std::vector<Document> documents_of(Task& task) {
  const TaskInfo& info = task.info();
  const Dataset data = load(info.dataset, info.split);
  return task.documents(
      data, info.fewshot_split.empty() ? Dataset() : load(info.dataset, info.fewshot_split), 0).asked;
}

std::string context_of(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return pair->context;
  return std::get<Generate>(request).context;
}

// The prompt of every document that the golden file lists, and all that is asked about the first.
void check_prompts(const Task& task, const std::vector<Document>& documents,
                   const Value& expected) {
  for (const Value& doc : expected.find("docs")->list()) {
    const Document& document = documents.at(static_cast<size_t>(doc.find("doc")->integer()));
    INFO(task.info().name << " " << document.where());
    for (const Request& request : task.requests(document))
      CHECK(sha256_hex(context_of(request)) == doc.find("ctx_sha256")->string());
  }
  const Value::List& first = expected.find("doc0_args_sha256")->list();
  const std::vector<Request> requests = task.requests(documents.front());
  REQUIRE(requests.size() == first.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK(sha256_hex(context_of(requests[i])) == first[i].list()[0].string());
    if (const auto* pair = std::get_if<LogLikelihood>(&requests[i]))
      CHECK(sha256_hex(pair->target) == first[i].list()[1].string());
  }
}

std::vector<Answer> answers_of(const Value& doc) {
  std::vector<Answer> answers;
  if (const Value* text = doc.find("text")) {
    answers.emplace_back().texts = {text->string()};
    return answers;
  }
  for (size_t i = 0; i < doc.find("ll")->list().size(); ++i) {
    Answer& answer = answers.emplace_back();
    answer.log_prob = doc.find("ll")->list()[i].number();
    answer.greedy = doc.find("greedy")->list()[i].boolean();
  }
  return answers;
}

// Each document's scores from the golden log-likelihoods or texts.
std::map<std::string, std::vector<Item>> check_scores(const Task& task,
                                                      const std::vector<Document>& documents,
                                                      const Value& expected) {
  std::map<std::string, std::vector<Item>> by_metric;
  for (const Value& doc : expected.find("docs")->list()) {
    const Document& document = documents.at(static_cast<size_t>(doc.find("doc")->integer()));
    INFO(task.info().name << " " << document.where());
    for (const Item& item : task.score(document, answers_of(doc))) {
      by_metric[item.metric].push_back(item);
      const std::string name = item.metric.substr(0, item.metric.find(','));
      const std::string filter = item.metric.substr(name.size() + 1);
      if (const Value* score = doc.find(name); score && score->is_number())
        CHECK(item.value == score->number());
      if (const Value* score = doc.find("exact_match"))
        CHECK(item.value == score->find(filter)->number());
      if (const Value* filtered = doc.find("filtered"))
        CHECK(item.answer == filtered->find(filter)->string());
    }
  }
  return by_metric;
}

}  // namespace

TEST_CASE("prompts and scores are lm-eval's for every document of the golden file",
          "[golden][tasks]") {
  if (!data_directory()) return;
  for (const char* name : {"lambada_openai", "piqa", "openbookqa", "commonsense_qa", "gsm8k"}) {
    const TaskPtr task = make_task(name);
    const std::vector<Document> documents = documents_of(*task);
    check_prompts(*task, documents, golden_task(name));
    check_scores(*task, documents, golden_task(name));
  }
}

TEST_CASE("BIG-Bench Hard by steps asks and scores every document as lm-eval does", "[golden][tasks]") {
  if (!data_directory()) return;
  for (const char* name : {"bbh_cot_fewshot_boolean_expressions", "bbh_cot_fewshot_navigate"}) {
    const TaskPtr task = make_task(name);
    const std::vector<Document> documents = documents_of(*task);
    const Value& expected = golden_task(name);
    check_prompts(*task, documents, expected);
    auto items = check_scores(*task, documents, expected);
    const Estimate estimate = aggregate(items["exact_match,get-answer"], "mean");
    CHECK(*estimate.value == expected.find("metrics")->find("exact_match,get-answer")->number());
    CHECK(*estimate.standard_error ==
          Approx(expected.find("metrics")->find("exact_match_stderr,get-answer")->number())
              .margin(1e-12));
  }
}

TEST_CASE("the word perplexity of whole pages is lm-eval's", "[golden][metrics]") {
  std::map<std::string, std::vector<Item>> items;
  for (const Value& doc : golden_task("wikitext").find("docs")->list()) {
    const double ll = doc.find("ll")->number();
    items["word_perplexity,none"].push_back({"", ll, doc.find("words")->number(), ""});
    items["byte_perplexity,none"].push_back({"", ll, doc.find("bytes")->number(), ""});
    items["bits_per_byte,none"].push_back({"", ll, doc.find("bytes")->number(), ""});
  }
  for (const auto& [metric, list] : items) {
    const std::string aggregation =
        metric == "bits_per_byte,none" ? "bits_per_byte" : "weighted_perplexity";
    CHECK(*aggregate(list, aggregation).value ==
          Approx(golden_task("wikitext").find("metrics")->find(metric)->number()).epsilon(1e-12));
  }
}

TEST_CASE("pages of WikiText are detokenised, counted and scored as lm-eval does",
          "[golden][tasks]") {
  if (!data_directory()) return;
  const TaskPtr task = make_task("wikitext");
  const std::vector<Document> pages = documents_of(*task);
  REQUIRE(pages.size() == 62);
  for (const Value& doc : golden_task("wikitext").find("docs")->list()) {
    const Document& page = pages.at(static_cast<size_t>(doc.find("doc")->integer()));
    CHECK(sha256_hex(std::get<Rolling>(task->requests(page).at(0)).text) ==
          doc.find("text_sha256")->string());
    Answer answer;
    answer.log_prob = doc.find("ll")->number();
    const std::vector<Item> items = task->score(page, {answer});
    CHECK(items.at(0).weight == doc.find("words")->number());
    CHECK(items.at(1).weight == doc.find("bytes")->number());
  }
}

TEST_CASE("joined corpora have the lengths that the papers' rules give", "[golden][tasks]") {
  if (!data_directory()) return;
  const auto text = [](const std::string& name) {
    const TaskPtr task = make_task(name);
    return std::get<Rolling>(task->requests(documents_of(*task)[0])[0]).text;
  };
  // sha256 of the texts that Python joins by the rules of the papers (Hugging Face rows, stripped
  // lines).
  CHECK(sha256_hex(text("wikitext2")) ==
        "696cca6b65a171b0a358a4be6732cdfdf2dd6164a32e20fd70e3c13fc4dfae83");
  CHECK(sha256_hex(text("ptb")) ==
        "900cfc61a7a63afcd086c5e1cce90554764eae65cb2ca9f5d4cac47be5f0f394");
  CHECK(sha256_hex(text("c4")) ==
        "7a19d926f5b7d39b0160441d8f93cc07a872c86d161591f6c5dc7fe1101a15d0");
}
