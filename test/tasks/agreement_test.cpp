// Tasks whose answers are compared with another model's.
#include <catch2/catch.hpp>

#include "tasks/task.h"

using namespace evalharness;

namespace {

const std::string kTask =
    "task: t\ndataset_path: vicuna_instructions\ntest_split: test\noutput_type: agreement\ndoc_to_text: \"{{ turns[0] }}\"\n";

}  // namespace

TEST_CASE("vicuna_instructions asks the question and waits for the next heading", "[tasks][agreement]") {
  const TaskPtr task = make_task("vicuna_instructions");
  const Document doc = Document::parse(R"({"question_id": 1, "category": "generic", "turns": ["Which way?"]})", "made_up:1");
  const Generate request = std::get<Generate>(task->requests(doc).at(0));
  CHECK(request.context == "### Instruction:\nWhich way?\n\n### Response:");
  CHECK(request.until == std::vector<std::string>{"###", "</s>", "<|im_end|>"});
  CHECK(request.max_tokens == 256);
  CHECK(request.temperature == 0);
  CHECK(task->info().agreement);
  CHECK(task->info().metrics.empty());
  CHECK(task->info().protocol == "agreement 1.0");
  CHECK(task->score(doc, {Answer{}}).empty());
}

TEST_CASE("user_oriented_instructions shows an input where there is one", "[tasks][agreement]") {
  const TaskPtr task = make_task("user_oriented_instructions");
  const auto prompt = [&](const std::string& input) {
    const std::string json = R"({"instruction": "Shorten.", "instances": [{"input": ")" + input + R"(", "output": "x"}]})";
    return std::get<Generate>(task->requests(Document::parse(json, "made_up:1")).at(0)).context;
  };
  CHECK(prompt("A long text.") == "### Instruction:\nShorten.\n\n### Input:\nA long text.\n\n### Response:");
  CHECK(prompt("") == "### Instruction:\nShorten.\n\n### Response:");
}

TEST_CASE("an agreement takes the likeliest answer and no metrics of others", "[tasks][agreement]") {
  CHECK_THROWS_WITH(parse_task(kTask + "metric_list: [{metric: exact_match}]\n", "t.yaml"),
                    "t.yaml:6:14: metric_list: an agreement has its own metrics, of whole answers");
  CHECK_THROWS_WITH(parse_task(kTask + "generation_kwargs: {temperature: 0.7}\n", "t.yaml"),
                    "t.yaml:6:20: generation_kwargs: expected the likeliest answer of each model, without sampling or repeats");
}
