// Conversations: how they are written, and what templates may say. Expected texts of templates were checked against
// transformers 5.24.0 with jinja2 3.1.6.
#include "tasks/chat.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/chat_template.h"
#include "tasks/task.h"
#include "test/support/gguf_builder.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

std::string rendered(const std::string& source, const std::vector<Message>& messages) {
  return ChatTemplate(source, "t.jinja", "<s>", "").render(messages);
}

const std::vector<Message> kHello = {{"system", "Be brief."}, {"user", "Hello"}};

const char* const kTurns =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

// Prompts of a task with one shot, in turns.
TaskPtr shot_task(const std::string& rest) {
  return parse_task(cat("task: t\ndataset_path: gsm8k\ntest_split: test\ndoc_to_text: \"Q: {{q}}\\nA:\"\ndoc_to_target: '{{a}}'\n"
                        "num_fewshot: 1\nfewshot_config: {samples: [{q: 1+1, a: two}]}\n", rest), "t.yaml");
}

std::string prompt_of(const TaskPtr& task, const Chat& chat) {
  task->use_chat(chat);
  Dataset data;
  data.documents = {Document::parse(R"({"q": "2+2", "a": "four"})", "made_up.jsonl:1")};
  const Document document = task->documents(data, {}, 0).asked.at(0);
  const Request request = task->requests(document).at(0);
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return cat(pair->context, "|", pair->target);
  return std::get<Generate>(request).context;
}

Chat chat_by(const std::string& source) {
  Chat chat;
  chat.form = std::make_shared<const ChatTemplate>(source, "t.jinja", "", "");
  return chat;
}

}  // namespace

TEST_CASE("a line break behind a statement and blanks before it are no text", "[chat]") {
  CHECK(rendered("a\n  {% if true %}\n b\n  {% endif %}\nc\n", kHello) == "a\n b\nc");
  CHECK(rendered("a {% if true %} b {% endif %} c", kHello) == "a  b  c");
  CHECK(rendered("  {%+ if true +%}\nb{% endif %}\n\n", kHello) == "  \nb");
  CHECK(rendered(" {# note #}\n{{ 1 }}\n{{ 2 }}", kHello) == "1\n2");
}

TEST_CASE("what a chat template does not define is empty", "[chat]") {
  CHECK(rendered("[{{ nobody }}{{ messages[0].name }}{{ eos_token }}]{{ bos_token }}", kHello) == "[]<s>");
  CHECK(rendered("{{ 'x' ~ nobody ~ (nobody or 'y') }}{% for n in nobody %}z{% endfor %}", kHello) == "xy");
  CHECK(rendered("{{ nobody is none }} {{ tools is none }} {{ 'a' in nobody }} {{ nobody | length }}", kHello) ==
        "False True False 0");
  CHECK_THROWS_WITH(rendered("{{ nobody.name }}", {{"user", "x"}}), Catch::Contains("t.jinja: no field 'nobody'"));
}

TEST_CASE("loops of a chat template can be left", "[chat]") {
  CHECK(rendered("{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}",
                 kHello) == "023");
  CHECK(rendered("{% for i in [1, 2] %}{% for j in [1, 2, 3] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
                 kHello) == "11 21 ");
  CHECK_THROWS_WITH(rendered("{% break %}", kHello), "t.jinja: break and continue stand in a loop only");
}

TEST_CASE("a template that refuses a system message is given the others", "[chat]") {
  const std::string strict = cat("{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}", kTurns);
  CHECK(rendered(strict, kHello) == "<user>Hello\n<assistant>");
  CHECK_THROWS_WITH(rendered("{{ raise_exception('not today') }}", kHello), "t.jinja: not today");
}

TEST_CASE("an answer that was begun stands open at the end", "[chat]") {
  const std::vector<Message> begun = {{"user", "Hello"}, {"assistant", "I say "}};
  CHECK(rendered(kTurns, begun) == "<user>Hello\n<assistant>I say ");
  CHECK(rendered("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}", begun) == "[Hello][I say");
  CHECK_THROWS_WITH(rendered("{{ messages[0].content }}", begun),
                    "t.jinja: the template drops the answer that the task begins: 'I say '");
}

TEST_CASE("shots are turns, or one turn together", "[chat][tasks]") {
  Chat chat = chat_by(kTurns);
  CHECK(prompt_of(shot_task(""), chat) ==
        "<user>Q: 1+1\nA:\n<assistant>two\n<user>Q: 2+2\nA:\n<assistant>");
  chat.fewshot_as_multiturn = false;
  chat.system_instruction = "Be brief.";
  CHECK(prompt_of(shot_task(""), chat) == "<system>Be brief.\n<user>Q: 1+1\nA: two\n\nQ: 2+2\nA:\n<assistant>");
  CHECK(prompt_of(shot_task("gen_prefix: It is\n"), chat) ==
        "<system>Be brief.\n<user>Q: 1+1\nA: It is two\n\nQ: 2+2\nA:\n<assistant>It is");
  chat.form = nullptr;
  CHECK(prompt_of(shot_task("description: Count.\n"), chat) == "Be brief.\n\nCount.Q: 1+1\nA: two\n\nQ: 2+2\nA:");
}

TEST_CASE("a choice behind a chat template has no delimiter, unless the answer was begun", "[chat][tasks]") {
  const std::string choice = "output_type: multiple_choice\ndoc_to_choice: ['four', 'five']\nnum_fewshot: 0\n";
  CHECK(prompt_of(shot_task(choice), chat_by(kTurns)) == "<user>Q: 2+2\nA:\n<assistant>|four");
  CHECK(prompt_of(shot_task(choice + "gen_prefix: It is\n"), chat_by(kTurns)) ==
        "<user>Q: 2+2\nA:\n<assistant>It is| four");
  CHECK(prompt_of(shot_task(choice + "gen_prefix: 'It is '\n"), chat_by(kTurns)) ==
        "<user>Q: 2+2\nA:\n<assistant>It is |four");
}

TEST_CASE("the protocol's id says that there was a chat template, and which", "[chat][tasks]") {
  const TaskPtr task = shot_task("");
  const std::string plain = task->info().protocol;
  Chat chat = chat_by(kTurns);
  chat.fewshot_as_multiturn = false;
  task->use_chat(chat);
  CHECK(task->info().protocol == cat(plain, ", chat ", sha256_hex(std::string(kTurns)).substr(0, 8), ", shots in one turn"));
  task->use_chat({});
  CHECK(task->info().protocol == plain);
}

TEST_CASE("a model's template is found in each form that models have", "[chat][model]") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path("m"));
  CHECK_THROWS_WITH(chat_template_of(folder.path("m"), ""), folder.path("m") + ": this model has no chat template");
  write_text(folder.path("m/tokenizer_config.json"),
             R"({"chat_template": [{"name": "default", "template": "one"}, {"name": "tool_use", "template": "two"}]})");
  CHECK(chat_template_of(folder.path("m"), "").text == "one");
  CHECK(chat_template_of(folder.path("m"), "tool_use").text == "two");
  CHECK_THROWS_WITH(chat_template_of(folder.path("m"), "toll_use"),
                    folder.path("m") + ": no chat template 'toll_use' (did you mean 'tool_use'?); there are: default tool_use");
  write_text(folder.path("m/tokenizer_config.json"), R"({"chat_template": "three"})");
  CHECK(chat_template_of(folder.path("m"), "").where == folder.path("m/tokenizer_config.json: chat_template"));
  write_text(folder.path("m/chat_template.jinja"), "four\n");
  CHECK(chat_template_of(folder.path("m"), "").text == "four\n");
  const std::string gguf = folder.path("m.gguf");
  write_text(gguf, GgufBuilder().string("tokenizer.chat_template", "five").string("tokenizer.chat_template.rag", "six").bytes());
  CHECK(chat_template_of(gguf, "").text == "five");
  CHECK(chat_template_of(gguf, "rag").where == gguf + ": tokenizer.chat_template.rag");
}
