// Requests and scores of the tasks whose Python is a transform or a kind here, against what
// lm-evaluation-harness asks about the same bundled documents: test/golden/zoo.json, made by
// test/golden/make_zoo_goldens.py with lm-eval 0.4.13.

#include <catch2/catch.hpp>

#include "harness/base/text.h"
#include "harness/metrics/aggregate.h"
#include "harness/run/lm_eval_log.h"
#include "tasks/python.h"
#include "tasks/task.h"
#include "test/support/environment.h"
#include "test/support/golden.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

std::string shortened(const std::string& text) {
  return code_points(text) < 200 ? text : "sha256:" + sha256_hex(text);
}

std::vector<std::string> texts_of(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request))
    return {shortened(pair->context), shortened(pair->target)};
  if (const auto* rolling = std::get_if<Rolling>(&request)) return {shortened(rolling->text)};
  return {shortened(std::get<Generate>(request).context)};
}

std::vector<std::string> strings_of(const Value& list) {
  std::vector<std::string> texts;
  for (const Value& text : list.list()) texts.push_back(text.string());
  return texts;
}

std::vector<Answer> recorded_answers(const Value& doc) {
  std::vector<Answer> answers;
  for (const Value& given : doc.find("answers")->list()) {
    Answer& answer = answers.emplace_back();
    if (given.is_string()) answer.texts = {given.string()};
    if (given.is_number()) answer.log_prob = given.number();
    if (given.is_list()) answer.log_prob = given.list()[0].number();
    if (given.is_list()) answer.greedy = given.list()[1].boolean();
  }
  return answers;
}

// The bundled samples, whatever data this machine has.
std::vector<Document> sample_documents(Task& task) {
  const TemporaryFolder nothing;
  const EnvironmentVariable data("EVALHARNESS_DATA", nothing.path());
  const EnvironmentVariable cache("EVALHARNESS_CACHE", nothing.path());
  const DataOptions options{.offline = true, .allow_sample = true};
  const TaskInfo& info = task.info();
  Dataset shots;
  if (!info.fewshot_split.empty()) shots = load_dataset(info.dataset, info.fewshot_split, options);
  return task.documents(load_dataset(info.dataset, info.split, options), shots, 0).asked;
}

// What lm-eval gives for one document: a number, or the pair (log-likelihood, words or bytes).
void check_scores(const Value& expected, const std::vector<Item>& items) {
  for (const Item& item : items) {
    INFO(item.metric << " " << item.answer);
    const Value* score = expected.find(item.metric);
    REQUIRE(score != nullptr);
    if (score->is_list()) CHECK(item.weight == score->list()[1].number());
    CHECK(item.value == (score->is_list() ? score->list()[0].number() : score->number()));
  }
}

void check_task(const std::string& name, const Value& expected) {
  const TaskPtr task = make_task(name);
  const std::vector<Document> documents = sample_documents(*task);
  const Value::List& docs = expected.find("docs")->list();
  REQUIRE(documents.size() == docs.size());
  std::map<std::string, std::vector<Item>> items;
  for (size_t d = 0; d < docs.size(); ++d) {
    INFO(name << " " << documents[d].where());
    const std::vector<Request> requests = task->requests(documents[d]);
    const Value::List& wanted = docs[d].find("requests")->list();
    REQUIRE(requests.size() == wanted.size());
    for (size_t r = 0; r < requests.size(); ++r)
      CHECK(texts_of(requests[r]) == strings_of(wanted[r]));
    CHECK(sha256_hex(to_json(logged_document(documents[d]), 2)) ==
          docs[d].find("doc_hash")->string());
    CHECK(sha256_hex(python::str(task->target(documents[d]))) ==
          docs[d].find("target_hash")->string());
    const std::vector<Item> scores = task->score(documents[d], recorded_answers(docs[d]));
    check_scores(*docs[d].find("scores"), scores);
    for (const Item& item : scores) items[item.metric].push_back(item);
  }
  for (const TaskInfo::Metric& metric : task->info().metrics) {
    INFO(name << " " << metric.key);
    const Value* value = expected.find("metrics")->find(metric.key);
    REQUIRE(value != nullptr);
    CHECK(*aggregate(items[metric.key], metric.aggregation).value ==
          Approx(value->number()).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("what needs Python in lm-eval asks and scores the same by transforms", "[tasks][zoo]") {
  const Value tasks = *golden("zoo.json").find("tasks");
  for (const auto& [name, expected] : tasks.map()) check_task(name, expected);
}
