// A run in the model's own chat template, and what its config may say of it.
#include <catch2/catch.hpp>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

TEST_CASE("a run in the model's chat template says so, and asks other prompts", "[run][chat]") {
  const TinyBench bench;
  const std::string source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>";
  write_text(bench.folder.path("model/chat_template.jinja"), source);
  const std::string tasks = "tasks: [piqa, wikitext2]\nlimits: {piqa: 2, wikitext2: 1}\n";
  const RunResult plain = bench.run_in("plain", bench.config(tasks));
  const RunResult chat = bench.run_in("chat", bench.config(tasks + "chat_template: true\nsystem_instruction: Be brief.\n"));
  const auto& results = chat.variants.at(0).backends.at(0).tasks;
  CHECK(results.at("piqa").protocol == cat("lm-eval 1.0, chat ", sha256_hex(source).substr(0, 8), ", system ",
                                           sha256_hex(std::string("Be brief.")).substr(0, 8)));
  CHECK(results.at("wikitext2").protocol == "wikitext2-2048");
  CHECK(chat.context.find("chat_template_sha256")->string() == sha256_hex(source));
  const auto prompts = [](const RunResult& run, const char* task) { return run.context.find("prompts_sha256")->find(task)->string(); };
  CHECK(prompts(chat, "piqa") != prompts(plain, "piqa"));
  CHECK(prompts(chat, "wikitext2") == prompts(plain, "wikitext2"));
}

TEST_CASE("what a config says of a chat template is checked", "[run][chat]") {
  const TinyBench bench;
  const auto error_of = [&](const std::string& rest) -> std::string {
    try {
      bench.run_in("x", bench.config(rest));
    } catch (const Error& error) {
      return replace_all(error.what(), bench.folder.path() + "/", "");
    }
    return "no error";
  };
  CHECK(error_of("chat_template: [a]\n") == "tiny.yaml:2:16: chat_template: expected true, false or the name of a template");
  CHECK(error_of("chat_template: true\napply_chat_template: true\n") ==
        "tiny.yaml:3:22: apply_chat_template: the same as chat_template; one of the two is enough");
  CHECK(error_of("fewshot_as_multiturn: true\n") ==
        "tiny.yaml:2:23: fewshot_as_multiturn: expected chat_template beside it: plain text has no turns");
  CHECK(error_of("tasks: [piqa]\napply_chat_template: true\n") == "model: this model has no chat template");
}
