// Sample logs and results in lm-evaluation-harness's form. The expected line is the one that lm-eval 0.4.13 writes
// (EvaluationTracker.save_results_samples) for the first bundled WinoGrande document and these two answers.
#include "harness/run/lm_eval_log.h"

#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

TEST_CASE("a sample is logged as lm-eval logs it, hashes included", "[run][lm-eval]") {
  const TemporaryFolder folder;
  const TaskPtr task = make_task("winogrande");
  Dataset data;
  data.documents = {Document::parse(
      R"({"sentence": "Mara lent Ines her umbrella because _ had forgotten her own.", "option1": "Mara", "option2": "Ines", "answer": "2"})",
      "made_up.jsonl:1")};
  const Document document = task->documents(data, {}, 0).asked.at(0);
  std::vector<Answer> answers(2);
  answers[0].log_prob = -24.84;
  answers[0].greedy = true;
  answers[1].log_prob = -2.16;
  SampleLog log(folder.path(), *task);
  log.add(0, document, task->requests(document), answers, task->score(document, answers));
  const Value line = parse_json(read_text(folder.path("samples_winogrande.jsonl")), "log");
  CHECK(line == parse_json(
      R"({"doc_id": 0, "doc": {"sentence": "Mara lent Ines her umbrella because _ had forgotten her own.", "option1": "Mara", "option2": "Ines", "answer": "2"}, "target": "had forgotten her own.", "arguments": {"gen_args_0": {"arg_0": "Mara lent Ines her umbrella because Mara", "arg_1": " had forgotten her own."}, "gen_args_1": {"arg_0": "Mara lent Ines her umbrella because Ines", "arg_1": " had forgotten her own."}}, "resps": [[["-24.84", "True"]], [["-2.16", "False"]]], "filtered_resps": [["-24.84", "True"], ["-2.16", "False"]], "filter": "none", "metrics": ["acc"], "doc_hash": "03361b0a8e25d58e9edceb2a2229e75d7eb19c4b128653bf3b7bb2b4a323a0eb", "prompt_hash": "07fca8aee2521c58a08920b9a738bf6f1a35b561d9837529950c827ac9b3fb01", "target_hash": "3da604f1933328fbbf33820b4be4a62f296156ae9a8f0b7b389e7b159494e515", "acc": 1.0})",
      "lm-eval"));
}

TEST_CASE("a task of several filters logs a line for each", "[run][lm-eval]") {
  const TemporaryFolder folder;
  const TaskPtr task = parse_task(R"(
task: made_up
dataset_path: gsm8k
test_split: test
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
filter_list:
  - {name: number, filter: [{function: regex, regex_pattern: '[0-9]+'}, {function: take_first}]}
  - {name: whole, filter: [{function: take_first}]}
)",
                                  "t.yaml");
  const Document document = Document::parse(R"({"q": "1+1=", "a": "2"})", "made_up.jsonl:1");
  Answer answer;
  answer.texts = {"It is 2"};
  SampleLog log(folder.path(), *task);
  log.add(7, document, task->requests(document), std::vector{answer}, task->score(document, {answer}));
  const std::string text = read_text(folder.path("samples_made_up.jsonl"));
  const Value number = parse_json(text.substr(0, text.find('\n')), "1");
  const Value whole = parse_json(text.substr(text.find('\n') + 1), "2");
  CHECK(*number.find("filtered_resps") == Value(Value::List{Value("2")}));
  CHECK(*number.find("exact_match") == Value(1.0));
  CHECK(*whole.find("filtered_resps") == Value(Value::List{Value("It is 2")}));
  CHECK(*whole.find("resps") == Value(Value::List{Value(Value::List{Value("It is 2")})}));
  CHECK(*whole.find("doc_id") == Value(7));
}

TEST_CASE("of a score of the corpus the target and the answer are logged", "[run][lm-eval]") {
  const TemporaryFolder folder;
  const TaskPtr task = parse_task(
      "task: made_up\ndataset_path: gsm8k\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
      "metric_list: [{metric: bleu}, {metric: rougeL}]\n",
      "t.yaml");
  const Document document = Document::parse(R"({"q": "1+1=", "a": "two"})", "made_up.jsonl:1");
  Answer answer;
  answer.texts = {"It is two"};
  SampleLog log(folder.path(), *task);
  log.add(0, document, task->requests(document), std::vector{answer}, task->score(document, {answer}));
  const Value line = parse_json(read_text(folder.path("samples_made_up.jsonl")), "log");
  CHECK(*line.find("bleu") == Value(Value::List{Value("two"), Value("It is two")}));
  CHECK(*line.find("rougeL") == Value(0.5));
}

TEST_CASE("bypass is logged as lm-eval has it: null for a document, 999 for the task", "[run][lm-eval]") {
  const TemporaryFolder folder;
  const TaskPtr task = parse_task(
      "task: made_up\ndataset_path: gsm8k\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
      "metric_list: [{metric: bypass}]\n",
      "t.yaml");
  const Document document = Document::parse(R"({"q": "1+1=", "a": "two"})", "made_up.jsonl:1");
  Answer answer;
  answer.texts = {"It is two"};
  SampleLog log(folder.path(), *task);
  log.add(0, document, task->requests(document), std::vector{answer}, task->score(document, {answer}));
  const Value line = parse_json(read_text(folder.path("samples_made_up.jsonl")), "log");
  CHECK(*line.find("bypass") == Value());
  CHECK(*line.find("filtered_resps") == Value(Value::List{"It is two"}));
  TaskResult result;
  result.metrics["bypass,none"] = Estimate::missing("not scored (bypass)");
  const Value results = parse_json(lm_eval_results("m", std::vector{LoggedTask{task.get(), &result, ""}}), "results");
  CHECK(*results.find("results")->find("made_up")->find("bypass,none") == Value(999));
}
