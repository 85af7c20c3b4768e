// Prompts with shots and in chat templates, byte for byte, against lm-evaluation-harness:
// test/golden/prompts.json, made by test/golden/make_prompt_goldens.py.

#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/model/chat_template.h"
#include "tasks/task.h"
#include "test/support/environment.h"
#include "test/support/golden.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

std::string digest(const std::vector<Request>& requests) {
  std::vector<std::string> texts;
  for (const Request& request : requests) {
    if (const auto* pair = std::get_if<LogLikelihood>(&request))
      texts.insert(texts.end(), {pair->context, pair->target});
    else
      texts.push_back(std::get<Generate>(request).context);
  }
  return sha256_hex(join(texts, std::string_view("\0", 1)));
}

// Our own task file with the case's keys over it.
TaskPtr task_of(const Value& test) {
  Value keys = Value::Map{{"include", Value(test.find("task")->string() + ".yaml")}};
  for (const auto& [key, value] : test.find("keys")->map()) keys.set(key, value);
  return parse_task(to_json(keys), home_path("tasks/case.yaml"));
}

Chat chat_of(const Value& test, const Value& templates, const std::string& model) {
  Chat chat;
  if (const Value* system = test.find("system_instruction")) chat.system_instruction = system->string();
  if (const Value* turns = test.find("fewshot_as_multiturn")) chat.fewshot_as_multiturn = turns->boolean();
  const Value& name = *test.find("template");
  if (name.is_null()) return chat;
  const std::string source = name == Value("model") ? model : templates.find(name.string())->string();
  chat.form = std::make_shared<const ChatTemplate>(source, name.string(), "<|im_start|>", "<|im_end|>");
  return chat;
}

void check_case(const Value& test, const Value& templates, const std::string& model, bool sample) {
  const TaskPtr task = task_of(test);
  INFO(to_json(*test.find("keys")) << " " << task->info().name << " " << to_json(*test.find("template")));
  task->use_chat(chat_of(test, templates, model));
  const DataOptions options{.offline = true, .allow_sample = sample};
  const TaskInfo& info = task->info();
  Dataset shots;
  if (!info.fewshot_split.empty()) shots = load_dataset(info.dataset, info.fewshot_split, options);
  const Value::List& wanted = test.find("sha256")->list();
  const TaskDocuments found = task->documents(load_dataset(info.dataset, info.split, options), shots, wanted.size());
  REQUIRE(found.asked.size() == wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    INFO(found.asked[i].where());
    CHECK(digest(task->requests(found.asked[i])) == wanted[i].string());
  }
}

bool is_of_samples(const Value& test) {
  return test.find("task")->string() == "winogrande" || test.find("sample") != nullptr;
}

}  // namespace

TEST_CASE("prompts of bundled samples in chat templates are lm-eval's", "[tasks][chat]") {
  const TemporaryFolder nothing;
  const EnvironmentVariable data("EVALHARNESS_DATA", nothing.path()), cache("EVALHARNESS_CACHE", nothing.path());
  const Value all = golden("prompts.json");
  for (const Value& test : all.find("cases")->list())
    if (is_of_samples(test)) check_case(test, *all.find("templates"), "", true);
}

TEST_CASE("prompts with shots, and in chat templates, are lm-eval's on the real data", "[golden][tasks][chat]") {
  if (!required("EVALHARNESS_DATA")) return;
  const std::optional<std::string> path = required("EVALHARNESS_TEST_MODEL");
  const Value all = golden("prompts.json");
  const std::string model = path ? chat_template_of(*path, "").text : "";
  if (path) CHECK(sha256_hex(model) == all.find("model_template_sha256")->string());
  for (const Value& test : all.find("cases")->list())
    // The examples of gsm8k_cot_llama are fetched, and not among the data of the survey.
    if (!is_of_samples(test) && (path || *test.find("template") != Value("model")) &&
        (test.find("task")->string() != "gsm8k_cot_llama" || is_here(task_of(test)->info().dataset)))
      check_case(test, *all.find("templates"), model, false);
}
