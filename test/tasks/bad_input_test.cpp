// What a task file or a document cannot mean: one line with its place, what was expected, and the nearest name.
#include <catch2/catch.hpp>
#include <regex>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/task.h"
#include "test/support/environment.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

const std::string kBase =
    "dataset_path: piqa\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n";

std::string error_of(const std::string& yaml) {
  try {
    parse_task(yaml, "t.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The key's own line is the fifth, behind the task's name.
std::string error_of_key(const std::string& line) {
  const std::string key = line.substr(0, line.find(':'));
  std::string base;
  for (const std::string& other : split("task: t\n" + kBase, "\n"))
    if (!other.empty() && !other.starts_with(key + ":")) base += other + "\n";
  return error_of(base + line + "\n");
}

std::string error_of_document(const std::string& yaml, const std::string& json) {
  const TaskPtr task = parse_task(yaml, "t.yaml");
  Dataset data;
  data.documents = {Document::parse(json, "rows.jsonl:7")};
  try {
    for (const Document& doc : task->documents(data, {}, 0).asked) task->requests(doc);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

const std::string kChoice =
    "task: t\ndataset_path: piqa\ntest_split: test\noutput_type: multiple_choice\n"
    "doc_to_text: '{{q}}'\ndoc_to_target: label\ndoc_to_choice: choices\n";

}  // namespace

TEST_CASE("every field of a wrong type is an error with its place", "[tasks][config]") {
  const std::vector<std::string> wrong = {
      "task: {a: 1}", "task_alias: [a]", "tag: {a: 1}", "include: {a: 1}", "dataset_path: [a]", "dataset_name: {a: 1}",
      "dataset_kwargs: [1]", "training_split: [a]", "validation_split: {a: 1}", "test_split: [a]", "fewshot_split: [a]",
      "output_type: [generate_until]", "doc_to_text: [a]", "doc_to_text: {a: 1}", "doc_to_target: {a: 1}",
      "doc_to_choice: 7", "doc_to_choice: true", "description: [a]", "gen_prefix: [a]",
      "target_delimiter: [a]", "fewshot_delimiter: {a: 1}", "num_fewshot: three", "num_fewshot: -1", "num_fewshot: 1.5",
      "num_fewshot: [1]", "fewshot_config: 3", "fewshot_config: [a]", "fewshot_config: {sampler: first}",
      "fewshot_config: {sampler: [default]}", "fewshot_config: {split: [a]}", "fewshot_config: {fewshot_indices: 3}",
      "fewshot_config: {fewshot_indices: [a]}", "fewshot_config: {samples: 3}", "fewshot_config: {samples: [3]}",
      "fewshot_config: {doc_to_text: [a]}", "fewshot_config: {target_delimiter: [a]}", "generation_kwargs: 3",
      "generation_kwargs: [a]", "generation_kwargs: {until: {a: 1}}", "generation_kwargs: {until: [[a]]}",
      "generation_kwargs: {do_sample: 3}", "generation_kwargs: {do_sample: maybe}", "generation_kwargs: {temperature: hot}",
      "generation_kwargs: {temperature: -1}", "generation_kwargs: {max_gen_toks: many}",
      "generation_kwargs: {max_gen_toks: -1}", "generation_kwargs: {top_p: 2}", "generation_kwargs: {top_k: few}",
      "repeats: twice", "repeats: 0", "repeats: -1", "metric_list: exact_match", "metric_list: [exact_match]",
      "metric_list: [{metric: [exact_match]}]", "metric_list: [{aggregation: mean}]",
      "metric_list: [{metric: exact_match, aggregation: mode}]", "metric_list: [{metric: exact_match, higher_is_better: 3}]",
      "metric_list: [{metric: exact_match, ignore_case: 3}]", "metric_list: [{metric: exact_match, regexes_to_ignore: 3}]",
      "metric_list: [{metric: exact_match, regexes_to_ignore: ['(']}]", "filter_list: regex", "filter_list: [regex]",
      "filter_list: [{name: n}]", "filter_list: [{name: n, filter: take_first}]", "filter_list: [{name: n, filter: []}]",
      "filter_list: [{filter: [{function: take_first}]}]", "filter_list: [{name: n, filter: [take_first]}]",
      "filter_list: [{name: n, filter: [{function: regex, regex_pattern: '('}, {function: take_first}]}]",
      "filter_list: [{name: n, filter: [{function: regex, group_select: a}, {function: take_first}]}]",
      "filter_list: [{name: n, filter: [{function: take_first_k, k: a}, {function: take_first}]}]",
      "transforms: 3", "transforms: [3]", "metadata: 3", "unsafe_code: 3", "doc_to_text: '{{ q'", "doc_to_text: '{% if %}'",
      "doc_to_text: '{{ q | lwer }}'"};
  // Its own place in the file, or that of the map around a value that is missing.
  const std::regex place(R"(t\.yaml:[1-9][0-9]*:[1-9][0-9]*: [^\n]*)");
  for (const std::string& line : wrong) {
    const std::string key = line.substr(0, line.find(':')), error = error_of_key(line);
    INFO(line << " -> " << error);
    CHECK(std::regex_match(error, place));
    CHECK(error.find(": " + key) != std::string::npos);
  }
}

TEST_CASE("what is expected is said, with the nearest name", "[tasks][config]") {
  CHECK(error_of_key("num_fewshot: three") == "t.yaml:6:14: num_fewshot: expected an integer >= 0, got 'three'");
  CHECK(error_of_key("fewshot_confg: {}") == "t.yaml:6:16: fewshot_confg: unknown key (did you mean 'fewshot_config'?)");
  CHECK(error_of_key("doc_to_text: '{{ q | lwer }}'") ==
        "t.yaml:5:14: doc_to_text: unknown filter 'lwer' (did you mean 'lower'?)");
  CHECK(error_of_key("doc_to_choice: []") == "t.yaml:6:16: doc_to_choice: expected at least one choice, got none");
  CHECK(error_of_key("doc_to_choice: 7") == "t.yaml:6:16: doc_to_choice: expected a list, a column or a template, got 7");
  CHECK(error_of_key("description: [a]") == "t.yaml:6:14: description: expected text, a column or a template, got a list");
  CHECK(error_of_key("repeats: 0") == "t.yaml:6:10: repeats: expected at least 1, got 0");
  CHECK(error_of_key("generation_kwargs: {max_gen_toks: 0}") ==
        "t.yaml:6:35: generation_kwargs.max_gen_toks: expected at least 1 token, got 0");
  CHECK(error_of("task: t\n" + kBase + "repeats: 2\nfilter_list: [{name: n, filter: [{function: take_first_k, k: 3}, {function: take_first}]}]\n") ==
        "t.yaml:7:62: filter_list[0].filter[0].k: expected at most 2, the texts of a document (repeats), got 3");
  CHECK(error_of("task: t\n" + kBase + "gen_prefix: \"\xff\"\n") == "t.yaml:6:14: text is not UTF-8");
  CHECK(error_of("task: t\n" + kBase + "gen_prefix: \"\xc3\xa9\xff\"\n") == "t.yaml:6:15: text is not UTF-8");
}

TEST_CASE("a list that would leave nothing to report, and two filters of one name, are errors with their place", "[tasks][config]") {
  CHECK(error_of_key("metric_list: []") ==
        "t.yaml:6:14: metric_list: expected at least one metric, or no metric_list for the usual ones");
  CHECK(error_of_key("filter_list: []") == "t.yaml:6:14: filter_list: expected at least one filter, or no filter_list");
  CHECK(error_of_key("filter_list: [{name: a, filter: [{function: take_first}]}, {name: a, filter: [{function: take_first}]}]") ==
        "t.yaml:6:60: filter_list[1]: name: there is a filter 'a' already");
}

TEST_CASE("an unknown key inside a section is an error with its place and the nearest name", "[tasks][config]") {
  CHECK(error_of_key("fewshot_config: {smapler: first_n}") ==
        "t.yaml:6:27: fewshot_config.smapler: unknown key (did you mean 'sampler'?)");
  CHECK(error_of_key("generation_kwargs: {untill: [x]}") ==
        "t.yaml:6:29: generation_kwargs.untill: unknown key (did you mean 'until'?)");
  CHECK(error_of_key("metric_list: [{metric: exact_match, ignore_cas: true}]") ==
        "t.yaml:6:49: metric_list[0].ignore_cas: unknown key (did you mean 'ignore_case'?)");
  CHECK(error_of_key("filter_list: [{name: n, filters: [], filter: [{function: take_first}]}]") ==
        "t.yaml:6:34: filter_list[0].filters: unknown key (did you mean 'filter'?)");
  CHECK(error_of_key("filter_list: [{name: n, filter: [{function: regex, regex_patern: x}, {function: take_first}]}]") ==
        "t.yaml:6:66: filter_list[0].filter[0].regex_patern: unknown key (did you mean 'regex_pattern'?)");
  CHECK(error_of_key("filter_list: [{name: n, filter: [{function: take_first, k: 2}]}]") ==
        "t.yaml:6:60: filter_list[0].filter[0].k: unknown key");
  CHECK(error_of_key("transforms: [{replace: q, old: a, new: b, inot: r}]") ==
        "t.yaml:6:49: transforms[0].inot: unknown key (did you mean 'into'?)");
  CHECK(error_of_key("fewshot_config: {process_docs: x}") ==
        "t.yaml:6:32: fewshot_config.process_docs: needs Python, which is not run here");
  CHECK(error_of_key("fewshot_config: {samples: [{q: !function utils.f}]}") ==
        "t.yaml:6:32: fewshot_config.samples[0].q: needs Python (!function utils.f), which is not run here; "
        "lm-evaluation-harness runs it, with adapters/lm_eval_adapter.py as its model");
}

TEST_CASE("sections that lm-evaluation-harness passes on are free", "[tasks][config]") {
  const char* const free[] = {"metadata: {anything: {at: all}}", "dataset_kwargs: {trust_remote_code: true}",
                              "fewshot_config: {samples: [{q: x, a: y, other: z}]}",
                              "metric_list: [{metric: exact_match, weight_by_size: true}]", "generation_kwargs: {num_beams: 1}",
                              "fewshot_config: {process_docs: null}"};
  for (const char* line : free) CHECK(error_of_key(line) == "no error");
  CHECK(error_of_key("generation_kwargs: {num_beams: 4}") ==
        "t.yaml:6:32: generation_kwargs.num_beams: expected 1: beams are not searched here");
}

TEST_CASE("a file that is not there is named with the nearest of its folder", "[tasks][config]") {
  const TemporaryFolder folder;
  write_file(folder.path("riddles.yaml"), "task: riddles\n");
  CHECK_THROWS_WITH(make_task(folder.path("ridles.yaml")), "cannot read '" + folder.path("ridles.yaml") + "' (did you mean '" + folder.path("riddles.yaml") + "'?)");
  write_file(folder.path("own.yaml"), "include: ridle.yaml\n");
  CHECK_THROWS_WITH(make_task(folder.path("own.yaml")), folder.path("own.yaml") + ":1:10: include: cannot read '" + folder.path("ridle.yaml") +
                                                            "' (did you mean '" + folder.path("riddles.yaml") + "'?)");
}

TEST_CASE("shots that the pool does not have are an error at the key that asks for them", "[tasks][config]") {
  const std::string base = "task: t\n" + kBase + "fewshot_split: train\nnum_fewshot: 1\n";
  const TaskPtr task = parse_task(base + "fewshot_config: {fewshot_indices: [7]}\n", "t.yaml");
  Dataset data;
  data.documents = {Document::parse(R"({"q": "?", "a": "!"})", "rows.jsonl:7")};
  CHECK_THROWS_WITH(task->documents(data, data, 0), "t.yaml:8:35: fewshot_config.fewshot_indices: expected rows below 1, got 7");
}

TEST_CASE("a document that a task cannot ask about is named before anything is asked", "[tasks]") {
  CHECK(error_of_document(kChoice, R"({"p": "x", "choices": ["a", "b"], "label": 1})") ==
        "rows.jsonl:7: t.yaml:5:14: doc_to_text: no field 'q' (did you mean 'p'?); there are: choices label p");
  CHECK(error_of_document(kChoice, R"({"q": "x", "choice": ["a", "b"], "label": 1})") ==
        "rows.jsonl:7: t.yaml:7:16: doc_to_choice: no field 'choices' (did you mean 'choice'?); there are: choice label q");
  CHECK(error_of_document(kChoice, R"({"q": "x", "choices": [], "label": 0})") ==
        "rows.jsonl:7: t.yaml:7:16: doc_to_choice: expected at least one choice, got none");
  CHECK(error_of_document(kChoice, R"({"q": "x", "choices": ["a", "b"], "label": 2})") ==
        "rows.jsonl:7: t.yaml:6:16: doc_to_target: expected one of 2 choices, got 2");
  CHECK(error_of_document(kChoice, R"({"q": "x", "choices": ["a", "b"], "label": "c"})") ==
        "rows.jsonl:7: t.yaml:6:16: doc_to_target: expected one of 2 choices, got 'c'");
  CHECK(error_of_document(kChoice, R"({"q": "x", "choices": ["a", 3], "label": 0})") ==
        "rows.jsonl:7: t.yaml:7:16: doc_to_choice: expected a list of strings, got integer in it");
  CHECK(error_of_document(kChoice, R"({"q": "x", "choices": "ab", "label": 0})") ==
        "rows.jsonl:7: t.yaml:7:16: doc_to_choice: expected a list, got string");
}
