// Tasks without a model: what they ask, how answers score, and what is refused. All documents here
// were written for these tests.

#include "tasks/task.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "harness/base/json.h"
#include "harness/metrics/aggregate.h"

using namespace evalharness;

namespace {

std::vector<Answer> with_log_probs(const std::vector<double>& values) {
  std::vector<Answer> answers(values.size());
  for (size_t i = 0; i < values.size(); ++i) answers[i].log_prob = values[i];
  return answers;
}

std::vector<Answer> written(const std::vector<std::string>& texts) {
  Answer answer;
  answer.texts = texts;
  return {answer};
}

double value_of(const std::vector<Item>& items, const std::string& metric) {
  for (const Item& item : items)
    if (item.metric == metric) return item.value;
  FAIL("no item " << metric);
  return 0;
}

std::string answer_of(const std::vector<Item>& items, const std::string& metric) {
  for (const Item& item : items)
    if (item.metric == metric) return item.answer;
  return "no item";
}

// The filters that found nothing, in the order of the metrics.
std::vector<std::string> without_answer(const std::vector<Item>& items) {
  std::vector<std::string> metrics;
  for (const Item& item : items)
    if (!item.extracted) metrics.push_back(item.metric);
  return metrics;
}

Document row(const std::string& json, size_t line = 1) {
  return Document::parse(json, "made_up.jsonl:" + std::to_string(line));
}

Dataset rows(const std::vector<std::string>& json) {
  Dataset data;
  data.name = "made_up";
  data.split = "test";
  for (size_t i = 0; i < json.size(); ++i) data.documents.push_back(row(json[i], i + 1));
  return data;
}

const LogLikelihood& pair(const Request& request) { return std::get<LogLikelihood>(request); }

Document which_rusts() {
  return row(
      R"({"goal": "Make iron rust.", "sol1": "Wet it.", "sol2": "Keep it in oil.", "label": 0})");
}

const std::string kChoiceTask = R"(
task: made_up
dataset_path: piqa
test_split: test
output_type: multiple_choice
doc_to_text: "Q: {{question}}\nA:"
doc_to_choice: choices
doc_to_target: answer
)";

TaskPtr choice_task(const std::string& more = "") {
  return parse_task(kChoiceTask + more, "t.yaml");
}

Document colours() {
  return row(
      R"({"question": "Which is red?", "choices": ["blood", "a leaf", "snow"], "answer": 0})");
}

const std::string kWriteTask = R"(
task: made_up
dataset_path: gsm8k
test_split: test
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
)";

TaskPtr write_task(const std::string& more) { return parse_task(kWriteTask + more, "t.yaml"); }

}  // namespace

TEST_CASE("piqa asks for each solution after the same prompt", "[tasks]") {
  const std::vector<Request> requests = make_task("piqa")->requests(which_rusts());
  const std::string prompt = "Question: Make iron rust.\nAnswer:";
  CHECK(requests == std::vector<Request>{LogLikelihood{prompt, " Wet it."},
                                         LogLikelihood{prompt, " Keep it in oil."}});
}

TEST_CASE("piqa: acc takes the likeliest solution, acc_norm the likeliest per character",
          "[tasks]") {
  // "Wet it." has 7 characters, "Keep it in oil." 15: -8/7 < -15/15.
  const std::vector<Item> items =
      make_task("piqa")->score(which_rusts(), with_log_probs({-8, -15}));
  CHECK(value_of(items, "acc,none") == 1);
  CHECK(value_of(items, "acc_norm,none") == 0);
  CHECK(answer_of(items, "acc_norm,none") == "1");
}

TEST_CASE("acc_norm counts code points and acc_bytes bytes", "[tasks]") {
  const TaskPtr task = choice_task("metric_list: [{metric: acc_norm}, {metric: acc_bytes}]");
  // Four letters against eight of one byte: per character -4/4 and -6/8; in UTF-8 the first has 8
  // bytes.
  const Document doc =
      row(R"({"question": "?", "choices": ["\u00e9\u00e9\u00e9\u00e9", "eeeeeeee"], "answer": 0})");
  const std::vector<Item> items = task->score(doc, with_log_probs({-4, -6}));
  CHECK(value_of(items, "acc_norm,none") == 0);
  CHECK(value_of(items, "acc_bytes,none") == 1);
}

TEST_CASE("of equally likely choices the first is taken", "[tasks]") {
  CHECK(value_of(choice_task()->score(colours(), with_log_probs({-1, -1, -1})), "acc,none") == 1);
}

TEST_CASE("a log-likelihood that is not a number is no wrong answer", "[tasks]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Item> items = choice_task()->score(colours(), with_log_probs({-1, nan, -2}));
  CHECK(std::isnan(value_of(items, "acc,none")));
}

TEST_CASE("a rendered target of digits is the index of a choice, or refused", "[tasks]") {
  const TaskPtr task = parse_task(
      "task: made_up\ndataset_path: piqa\ntest_split: test\noutput_type: multiple_choice\n"
      "doc_to_text: q\ndoc_to_choice: choices\ndoc_to_target: \"{{answer}}\"\n",
      "t.yaml");
  const auto acc = [&](const std::string& answer) {
    const Document doc = row(R"({"q": "?", "choices": ["a", "b"], "answer": ")" + answer + "\"}");
    return value_of(task->score(doc, with_log_probs({-2, -1})), "acc,none");
  };
  CHECK(acc("1") == 1);
  CHECK(acc("0") == 0);
  // ast.literal_eval refuses the first; the second is more than any list can hold.
  for (const std::string answer : {"007", "99999999999999999999"})
    CHECK_THROWS_WITH(acc(answer), Catch::Contains("expected the index of a choice, got '" + answer + "'"));
}

TEST_CASE("mutual information asks for each choice alone as well", "[tasks]") {
  const TaskPtr task = choice_task("metric_list: [{metric: acc_mutual_info}]");
  const std::vector<Request> requests = task->requests(colours());
  REQUIRE(requests.size() == 6);
  CHECK(pair(requests[3]) == LogLikelihood{"", " blood"});
  // -3 - -5 = 2, -1 - -1 = 0, -2 - -3 = 1.
  CHECK(value_of(task->score(colours(), with_log_probs({-3, -1, -2, -5, -1, -3})),
                 "acc_mutual_info,none") == 1);
}

TEST_CASE("a target may be an index, a text, or several of them", "[tasks]") {
  const auto acc = [](const std::string& answer) {
    const Document doc =
        row(R"({"question": "?", "choices": ["x", "y", "z"], "answer": )" + answer + "}");
    return value_of(choice_task()->score(doc, with_log_probs({-3, -1, -2})), "acc,none");
  };
  CHECK(acc("1") == 1);
  CHECK(acc(R"("y")") == 1);
  CHECK(acc(R"([0, 1])") == 1);
  CHECK(acc(R"([0, 2])") == 0);
  CHECK_THROWS_WITH(
      acc("3"), "made_up.jsonl:1: t.yaml:8:16: doc_to_target: expected one of 3 choices, got 3");
}

TEST_CASE("where the prompt is an index the choices are contexts, as in Winogrande", "[tasks]") {
  const TaskPtr task = parse_task(R"(
task: made_up
dataset_path: piqa
validation_split: validation
output_type: multiple_choice
doc_to_text: "{{label}}"
doc_to_choice: "{{[one, two]}}"
doc_to_target: "{{rest}}"
)",
                                  "t.yaml");
  const Document doc =
      row(R"({"label": 1, "one": "The jug", "two": "The cup", "rest": "is full."})");
  CHECK(task->requests(doc) == std::vector<Request>{LogLikelihood{"The jug", " is full."},
                                                    LogLikelihood{"The cup", " is full."}});
  CHECK(value_of(task->score(doc, with_log_probs({-2, -1})), "acc,none") == 1);
}

TEST_CASE("lambada's last word carries its own space", "[tasks]") {
  const TaskPtr task = make_task("lambada_openai");
  const Document doc = row(R"({"text": "he closed the old door"})");
  CHECK(task->requests(doc) == std::vector<Request>{LogLikelihood{"he closed the old", " door"}});
  std::vector<Answer> answers = with_log_probs({-1.5});
  answers[0].greedy = true;
  const std::vector<Item> items = task->score(doc, answers);
  CHECK(value_of(items, "perplexity,none") == -1.5);
  CHECK(value_of(items, "acc,none") == 1);
}

TEST_CASE("gsm8k takes the number behind the marks, or the last one anywhere", "[tasks]") {
  const TaskPtr task = make_task("gsm8k");
  const Document doc =
      row(R"({"question": "?", "answer": "6 * 200 = <<6*200=1200>>1200\n#### 1,200"})");
  std::vector<Item> items = task->score(doc, written({" So it is $1200.\n#### 1,200\nand 7 more"}));
  CHECK(answer_of(items, "exact_match,strict-match") == "1,200");
  CHECK(value_of(items, "exact_match,strict-match") == 1);
  CHECK(answer_of(items, "exact_match,flexible-extract") == "7");
  CHECK(value_of(items, "exact_match,flexible-extract") == 0);
  CHECK(without_answer(items).empty());

  items = task->score(doc, written({"I get $1200."}));
  CHECK(without_answer(items) == std::vector<std::string>{"exact_match,strict-match"});
  CHECK(without_answer(task->score(doc, written({"no idea"}))).size() == 2);
  CHECK(answer_of(items, "exact_match,strict-match") == "[invalid]");
  CHECK(value_of(items, "exact_match,flexible-extract") == 1);  // "$1200." without $ and the stop
}

TEST_CASE("gsm8k writes greedily up to one of its stop strings", "[tasks]") {
  const TaskPtr task = make_task("gsm8k");
  std::vector<std::string> json;
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    json.push_back(R"({"question": "q)" + n + R"(", "answer": "a)" + n + R"("})");
  }
  const std::vector<Document> documents =
      task->documents(rows({R"({"question": "Q", "answer": "A"})"}), rows(json), 0).asked;
  const Generate request = std::get<Generate>(task->requests(documents[0])[0]);
  CHECK(request.until == std::vector<std::string>{"Question:", "</s>", "<|im_end|>"});
  CHECK(request.max_tokens == 256);
  CHECK(request.temperature == 0);
  CHECK(request.samples == 1);
  // random.Random(1234).sample(range(6), 5) of CPython 3.11 is [3, 0, 4, 5, 2].
  CHECK(request.context ==
        "Question: q3\nAnswer: a3\n\nQuestion: q0\nAnswer: a0\n\nQuestion: q4\nAnswer: a4\n\n"
        "Question: q5\nAnswer: a5\n\nQuestion: q2\nAnswer: a2\n\nQuestion: Q\nAnswer:");
}

TEST_CASE("shots of the evaluated split never show the document itself", "[tasks]") {
  const TaskPtr task = choice_task("fewshot_split: test\nnum_fewshot: 2\n");
  std::vector<std::string> json;
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    json.push_back(R"({"question": "q)" + n + R"(", "choices": ["a)" + n + R"("], "answer": 0})");
  }
  const Dataset data = rows(json);
  for (const Document& doc : task->documents(data, data, 0).asked) {
    const std::string context = pair(task->requests(doc)[0]).context;
    const std::string own = "Q: " + doc.string("question") + "\n";
    CHECK(context.find(own) == context.rfind(own));
    CHECK(std::count(context.begin(), context.end(), 'Q') == 3);
  }
}

TEST_CASE("a description stands first, shots of the file follow in order", "[tasks]") {
  const TaskPtr task = write_task(R"(
description: "Add.\n\n"
target_delimiter: ""
num_fewshot: 2
fewshot_config:
  sampler: first_n
  samples: [{q: "1+1=", a: "2"}, {q: "1+2=", a: "3"}, {q: "9", a: "9"}]
)");
  CHECK(task->info().fewshot_split.empty());
  const std::vector<Document> documents =
      task->documents(rows({R"({"q": "2+2=", "a": "4"})"}), {}, 0).asked;
  CHECK(std::get<Generate>(task->requests(documents[0])[0]).context ==
        "Add.\n\n1+1=2\n\n1+2=3\n\n2+2=");
}

TEST_CASE("an answer's prefix stands behind the question and inside the shots", "[tasks]") {
  const TaskPtr task = write_task(R"(
gen_prefix: "The answer is"
num_fewshot: 1
fewshot_config: {sampler: first_n, samples: [{q: "Sky?", a: "blue"}]}
)");
  const std::vector<Document> documents =
      task->documents(rows({R"({"q": "Grass?", "a": "green"})"}), {}, 0).asked;
  CHECK(std::get<Generate>(task->requests(documents[0])[0]).context ==
        "Sky? The answer is blue\n\nGrass? The answer is");
}

TEST_CASE("too small a pool of shots is an error", "[tasks]") {
  const TaskPtr task = choice_task("fewshot_split: train\nnum_fewshot: 3\n");
  const Dataset data = rows({R"({"question": "q", "choices": ["a"], "answer": 0})"});
  CHECK_THROWS_WITH(task->documents(data, data, 0).asked,
                    "t.yaml:10:14: num_fewshot: expected a pool of at least 3 rows, got 1");
}

TEST_CASE("a limit takes the first documents", "[tasks]") {
  const TaskPtr task = make_task("lambada_openai");
  const Dataset data = rows({R"({"text": "a b"})", R"({"text": "c d"})", R"({"text": "e f"})"});
  CHECK(task->documents(data, {}, 2).asked.size() == 2);
  CHECK(task->documents(data, {}, 2).skipped == std::map<std::string, size_t>{{"limit", 1}});
  CHECK(task->documents(data, {}, 0).skipped.empty());
  CHECK(task->documents(data, {}, 0).asked.size() == 3);
}

TEST_CASE("rows that are not asked about are counted by what left them out", "[tasks]") {
  const std::string transforms = "transforms: [{filter: '{{ text != \"\" }}'}]\n";
  const Dataset data = rows({R"({"text": "a"})", R"({"text": ""})", R"({"text": "b"})", R"({"text": "c"})"});
  const TaskPtr lines = parse_task(
      "task: t\ndataset_path: ptb\ntest_split: test\noutput_type: loglikelihood_rolling\n"
      "doc_to_target: text\n" + transforms, "t.yaml");
  CHECK(lines->documents(data, {}, 1).skipped == std::map<std::string, size_t>{{"limit", 2}, {"transforms", 1}});
  const TaskPtr corpus = parse_task(
      "task: t\ndataset_path: ptb\ntest_split: test\noutput_type: perplexity\ndoc_to_target: text\n"
      "protocol: {id: p, kind: windows, window: 4}\nmax_documents: 2\n" + transforms, "t.yaml");
  CHECK(corpus->documents(data, {}, 0).skipped ==
        std::map<std::string, size_t>{{"max_documents", 1}, {"transforms", 1}});
}

TEST_CASE("samples are voted on before one is scored", "[tasks]") {
  const TaskPtr task = write_task(R"(
repeats: 4
generation_kwargs: {until: ["Q:"], do_sample: true, temperature: 0.2, top_p: 0.9, top_k: 0, seed: 5, max_gen_toks: 7}
filter_list:
  - {name: first, filter: [{function: take_first}]}
  - {name: vote, filter: [{function: remove_whitespace}, {function: lowercase}, {function: majority_vote}, {function: take_first}]}
  - {name: vote2, filter: [{function: take_first_k, k: 2}, {function: majority_vote}, {function: take_first}]}
  - {name: mapped, filter: [{function: map, mapping_dict: {b: "2"}, default_value: -1}, {function: take_first}]}
)");
  const Document doc = row(R"({"q": "?", "a": "b"})");
  const Generate request = std::get<Generate>(task->requests(doc)[0]);
  CHECK(request.samples == 4);
  CHECK(request.temperature == 0.2);
  CHECK(request.top_p == 0.9);
  CHECK(request.top_k == 0);
  CHECK(request.seed == 5);
  CHECK(request.max_tokens == 7);
  const std::vector<Item> items = task->score(doc, written({"a", "c", " B", "b "}));
  CHECK(answer_of(items, "exact_match,first") == "a");
  CHECK(answer_of(items, "exact_match,vote") == "b");
  CHECK(answer_of(items, "exact_match,vote2") == "a");
  CHECK(answer_of(items, "exact_match,mapped") == "-1");
  CHECK(without_answer(items) == std::vector<std::string>{"exact_match,mapped"});
  // Nothing but space is no answer, whatever the filter; "b" is one for `mapped` only.
  CHECK(without_answer(task->score(doc, written({" \n", "", "", ""}))).size() == 4);
}

TEST_CASE("a letter is found by pattern, by the choice's text, or behind a colon", "[tasks]") {
  const TaskPtr task = write_task(R"~(
filter_list:
  - name: letter
    filter: [{function: multi_choice_regex, regex_pattern: "(\\([A-Z]\\))", ignore_case: true}, {function: take_first}]
)~");
  const Document doc = row(R"~({"q": "?", "a": "(B)", "choices": ["Guilty", "Guilty of theft"]})~");
  const auto letter = [&](const std::string& text) {
    return answer_of(task->score(doc, written({text})), "exact_match,letter");
  };
  CHECK(letter("It is (B), I think") == "(B)");
  CHECK(letter("she was GUILTY OF THEFT") == "(B)");
  CHECK(letter("Answer: A") == "(A)");
  CHECK(letter("who knows") == "[invalid]");
  CHECK(without_answer(task->score(doc, written({"who knows"}))).size() == 1);
  CHECK(without_answer(task->score(doc, written({"Answer: A"}))).empty());
}

TEST_CASE("exact_match leaves out what it is told to", "[tasks]") {
  const auto same = [](const std::string& options, const std::string& text) {
    const TaskPtr task = write_task("metric_list: [{metric: exact_match" + options + "}]");
    return value_of(task->score(row(R"({"q": "?", "a": "It's 5 km"})"), written({text})),
                    "exact_match,none");
  };
  CHECK(same("", "It's 5 km") == 1);
  CHECK(same("", "it's 5 km") == 0);
  CHECK(same(", ignore_case: true", "IT'S 5 KM") == 1);
  CHECK(same(", ignore_punctuation: true", "Its 5 km.") == 1);
  CHECK(same(", ignore_numbers: true", "It's 77 km") == 1);
  CHECK(same(", regexes_to_ignore: [' ']", "It's5km") == 1);
}

TEST_CASE("any of several answers is right", "[tasks]") {
  const TaskPtr task = parse_task(
      "task: t\ndataset_path: gsm8k\ntest_split: test\ndoc_to_text: q\ndoc_to_target: aliases\n",
      "t.yaml");
  const Document doc = row(R"({"q": "?", "aliases": ["UK", "Britain"]})");
  CHECK(value_of(task->score(doc, written({"Britain"})), "exact_match,none") == 1);
  CHECK(value_of(task->score(doc, written({"France"})), "exact_match,none") == 0);
}

TEST_CASE("rolling tasks count words and bytes of the text", "[tasks]") {
  const TaskPtr task = parse_task(
      "task: t\ndataset_path: wikitext2\ntest_split: test\noutput_type: "
      "loglikelihood_rolling\ndoc_to_text: \"\"\ndoc_to_target: \"{{page}}\"\n",
      "t.yaml");
  const Document doc = row(R"({"page": " one two "})");
  const Rolling request = std::get<Rolling>(task->requests(doc)[0]);
  CHECK(request.protocol.kind == Protocol::Kind::kLmEval);
  CHECK(request.text == " one two ");
  const std::vector<Item> items = task->score(doc, with_log_probs({-12}));
  REQUIRE(items.size() == 3);
  CHECK(items[0] == Item{"word_perplexity,none", -12, 4, ""});  // two empty words at the ends
  CHECK(items[1] == Item{"byte_perplexity,none", -12, 9, ""});
  CHECK(items[2] == Item{"bits_per_byte,none", -12, 9, ""});
}

TEST_CASE("wikitext2 is one text, its rows joined by a blank line", "[tasks]") {
  const TaskPtr task = make_task("wikitext2");
  const std::vector<Document> documents = task->documents(
      rows({R"({"text": ""})", R"({"text": " = A = \n"})", R"({"text": "b\n"})"}), {}, 3).asked;
  REQUIRE(documents.size() == 1);
  const Rolling request = std::get<Rolling>(task->requests(documents[0])[0]);
  CHECK(request.text == "\n\n = A = \n\n\nb\n");
  CHECK(request.protocol == Protocol{Protocol::Kind::kWindows, 2048, 3, 0});
}

TEST_CASE("each window of a perplexity is an item", "[tasks]") {
  const TaskPtr task = make_task("ptb");
  Answer answer;
  answer.token_log_probs = {-1, -3, -5, -5};
  answer.window_tokens = {2, 2};
  const std::vector<Item> items = task->score(Document(), {answer});
  CHECK(items ==
        std::vector<Item>{{"perplexity,none", -4, 2, ""}, {"perplexity,none", -10, 2, ""}});
  CHECK(*aggregate(items, task->info().metrics[0].aggregation).value == Approx(std::exp(3.5)));
}

TEST_CASE("c4 takes the papers' documents and tokens", "[tasks]") {
  const TaskPtr task = make_task("c4");
  const std::vector<Document> documents =
      task->documents(rows(std::vector<std::string>(1200, R"({"text": "ab"})")), {}, 0).asked;
  const Rolling request = std::get<Rolling>(task->requests(documents[0])[0]);
  CHECK(request.text.size() == 1100 * 3 - 1);
  CHECK(request.protocol.max_tokens == 256 * 2048);
}

TEST_CASE("what a task file cannot mean is an error with its place", "[tasks][config]") {
  CHECK_THROWS_WITH(choice_task("num_fewshots: 3\n"),
                    "t.yaml:9:15: num_fewshots: unknown key (did you mean 'num_fewshot'?)");
  CHECK_THROWS_WITH(choice_task("metric_list: [{metric: acc_nrom}]\n"),
                    "t.yaml:9:24: metric_list[0].metric: metric 'acc_nrom' is not known for "
                    "multiple_choice (did you mean "
                    "'acc_norm'?); there are: acc acc_norm acc_bytes acc_mutual_info exact_match "
                    "brier_score f1 mcc likelihood acc_all bypass");
  CHECK_THROWS_WITH(
      choice_task("process_docs: !function utils.keep\n"),
      "t.yaml:9:15: process_docs: needs Python (!function utils.keep), which is not run here; "
      "lm-evaluation-harness runs it, with adapters/lm_eval_adapter.py as its model");
  CHECK_THROWS_WITH(
      choice_task(
          "filter_list: [{name: n, filter: [{function: regex}, {function: take_first}]}]\n"),
      "t.yaml:9:15: filter_list[0]: log-likelihoods pass through take_first only");
  CHECK_THROWS_WITH(
      write_task("filter_list: [{name: n, filter: [{function: regx}, {function: take_first}]}]\n"),
      "t.yaml:7:45: filter_list[0].filter[0].function: unknown filter 'regx' (did you mean "
      "'regex'?); there are: "
      "format_span listed_choice_regex lowercase majority_vote map multi_choice_regex number regex regex_map "
      "regex_pos remove_whitespace take_first "
      "take_first_k uppercase word_sort");
  CHECK_THROWS_WITH(write_task("filter_list: [{name: n, filter: [{function: regex}]}]\n"),
                    "t.yaml:7:33: filter_list[0].filter: expected take_first at the end, so that "
                    "one text is scored");
  CHECK_THROWS_WITH(parse_task("task: t\ndataset_path: piqa\n", "t.yaml"),
                    "t.yaml:1:1: test_split: missing; expected a test_split or a validation_split");
  CHECK_THROWS_WITH(
      parse_task("task: t\noutput_type: multiple_choise\n", "t.yaml"),
      "t.yaml:2:14: output_type: expected one of multiple_choice, loglikelihood, "
      "loglikelihood_rolling, "
      "generate_until, agreement, perplexity, got 'multiple_choise' (did you mean 'multiple_choice'?)");
  CHECK_THROWS_WITH(make_task("pica"), "unknown task 'pica' (did you mean 'piqa'?)");
}

TEST_CASE("a column that is not there is named with those that are", "[tasks]") {
  CHECK_THROWS_WITH(make_task("piqa")->score(row(R"({"goal": "g", "sol1": "a", "sol2": "b"})"),
                                             with_log_probs({-1, -2})),
                    "made_up.jsonl:1: tasks/piqa.yaml:10:16: doc_to_target: no field 'label'; there are: goal sol1 sol2");
}

TEST_CASE("every task of this program loads and names a dataset that there is", "[tasks]") {
  for (const std::string& name : task_names()) {
    INFO(name);
    const TaskPtr task = make_task(name);
    CHECK(task->info().name == name);
    CHECK(task->info().metrics.empty() == task->info().agreement);
    CHECK(task->info().version.find('.') != std::string::npos);
  }
}
