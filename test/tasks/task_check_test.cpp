// Checking a folder of lm-evaluation-harness task files: one file of each sort.

#include "tasks/task_check.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "tasks/task.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;
using Status = CheckedFile::Status;

namespace {

class Zoo {
 public:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path place = folder_.path(path);
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place) << text;
  }
  CheckedFile check(const std::string& path) const { return check_task_file(folder_.path(), path); }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

const char* const kChoiceFile =
    "task: riddles\ndataset_path: nobody/riddles\noutput_type: multiple_choice\ntest_split: test\n"
    "doc_to_text: \"{{question}}\"\ndoc_to_choice: \"{{choices.text}}\"\n"
    "doc_to_target: \"{{choices.label.index(answer)}}\"\nnum_fewshot: 2\n";

}  // namespace

TEST_CASE("a task whose dataset nobody described loads and renders a made-up row", "[tasks][check]") {
  const Zoo zoo;
  zoo.write("a/riddles.yaml", kChoiceFile);
  const CheckedFile file = zoo.check("a/riddles.yaml");
  CHECK(file.status == Status::kNoDataset);
  CHECK(file.family == "a");
  CHECK(all_understood({file}));
}

TEST_CASE("a sample row has numbers where a text is cut, five texts, and items with the members asked for", "[tasks][check]") {
  const Zoo zoo;
  const std::string head = "task: t\ndataset_path: nobody/riddles\noutput_type: multiple_choice\ntest_split: test\n";
  zoo.write("cut.yaml", head + "doc_to_text: \"{{a[start1:end1]}}{{b[start2:end2]}}\"\ndoc_to_choice: [\"no\", \"yes\"]\ndoc_to_target: label\n");
  zoo.write("items.yaml", head + "doc_to_text: \"{{text}}\"\ndoc_to_choice: \"{{answers|map(attribute='atext')|list}}\"\ndoc_to_target: \"{{ra - 1}}\"\n");
  zoo.write("five.yaml", head + "doc_to_text: \"{{choices.text[4]}}\"\ndoc_to_choice: \"{{choices.label}}\"\ndoc_to_target: \"{{choices.label.index(answer)}}\"\n");
  for (const char* path : {"cut.yaml", "items.yaml", "five.yaml"}) CHECK(zoo.check(path).status == Status::kNoDataset);
}

TEST_CASE("a task with a dataset of ours runs", "[tasks][check]") {
  const Zoo zoo;
  zoo.write("p.yaml",
            "task: p\ndataset_path: piqa\noutput_type: multiple_choice\nvalidation_split: validation\n"
            "doc_to_text: goal\ndoc_to_choice: \"{{[sol1, sol2]}}\"\ndoc_to_target: label\n");
  CHECK(zoo.check("p.yaml").reason == "");
  CHECK(zoo.check("p.yaml").status == Status::kRuns);
}

TEST_CASE("fields that are Python functions are named, with the transforms that do the same",
          "[tasks][check]") {
  const Zoo zoo;
  zoo.write("a/riddles.yaml", kChoiceFile);
  zoo.write("a/b.yaml", "include: riddles.yaml\ntask: b\nprocess_docs: !function utils.clean\n");
  zoo.write("a/utils.py",
            "import re\n\ndef strip(text):\n    return re.sub('x', '', text)\n\n"
            "def other(d):\n    return d.shuffle()\n\n"
            "def clean(dataset):\n    return dataset.filter(lambda doc: strip(doc['a']))\n");
  const CheckedFile file = zoo.check("a/b.yaml");
  CHECK(file.status == Status::kNeedsPython);
  CHECK(file.python == std::set<std::string>{"process_docs"});
  CHECK(file.instead == std::set<std::string>{"filter", "map", "regex_replace"});
  zoo.write("a/c.yaml",
            "include: b.yaml\ntask: c\nmetric_list:\n  - {metric: acc, aggregation: !function utils.f}\n");
  CHECK(zoo.check("a/c.yaml").python ==
        std::set<std::string>{"metric_list.aggregation", "process_docs"});
}

TEST_CASE("a Python function is refused with what can be done without it", "[tasks][check]") {
  const Zoo zoo;
  const std::string file = std::string(kChoiceFile) + "process_docs: !function utils.clean\n";
  const std::string refused = ":9:15: process_docs: needs Python (!function utils.clean), which is not run here; ";
  zoo.write("riddles.yaml", file);
  CHECK_THROWS_WITH(make_task(zoo.path() + "/riddles.yaml"),
                    zoo.path() + "/riddles.yaml" + refused + "lm-evaluation-harness runs it, with adapters/lm_eval_adapter.py as its model");
  zoo.write("utils.py", "def clean(rows):\n    return rows.filter(lambda doc: doc['a'])\n");
  CHECK_THROWS_WITH(make_task(zoo.path() + "/riddles.yaml"),
                    zoo.path() + "/riddles.yaml" + refused +
                        "a file that includes this one can say `process_docs: null` and `transforms:` (filter, map)");
  zoo.write("own.yaml", "include: riddles.yaml\nprocess_docs: null\ntransforms: [{filter: \"{{ a }}\"}]\n");
  CHECK_THROWS_WITH(make_task(zoo.path() + "/own.yaml"), Catch::Contains("no dataset for 'nobody/riddles'"));  // past the functions
  zoo.write("named.yaml", replace_all(file, "task: riddles", "task: hellaswag"));
  CHECK_THROWS_WITH(make_task(zoo.path() + "/named.yaml"),
                    zoo.path() + "/named.yaml" + refused + "the task 'hellaswag' of this program needs none");
}

TEST_CASE("what is no task, and what is not understood, is told apart", "[tasks][check]") {
  const Zoo zoo;
  zoo.write("group.yaml", "group: all\ntask: [a, b]\n");
  zoo.write("base.yaml", "dataset_path: piqa\n");
  zoo.write("image.yaml", "include: base.yaml\ntask: i\ndoc_to_image: image\n");
  zoo.write("typo.yaml", std::string(kChoiceFile) + "doc_to_txt: x\n");
  zoo.write("never.yaml", "task: n\ndataset_path: piqa\noutput_type: generate_until\ntest_split: test\n"
            "doc_to_text: \"{{ a.b.c.d.e }}\"\ndoc_to_target: x\n");
  CHECK(zoo.check("group.yaml").status == Status::kGroup);
  CHECK(zoo.check("base.yaml").status == Status::kTemplate);
  CHECK(zoo.check("image.yaml").status == Status::kNotText);
  CHECK(zoo.check("never.yaml").status == Status::kNotRendered);
  const CheckedFile typo = zoo.check("typo.yaml");
  CHECK(typo.status == Status::kFails);
  CHECK(typo.reason == zoo.path() + "/typo.yaml:9:13: doc_to_txt: unknown key (did you mean 'doc_to_text'?)");
  const std::vector<CheckedFile> files = check_task_files(zoo.path());
  CHECK(files.size() == 5);
  CHECK_FALSE(all_understood(files));
  CHECK_THAT(task_check_table(files), Catch::Contains("unknown key (did you mean 'doc_to_text'?)"));
  CHECK(task_check_json(files).find("files")->list().size() == 5);
}

TEST_CASE("the JSON of a check has what a file asks about its made-up row", "[tasks][check]") {
  const Zoo zoo;
  zoo.write("p.yaml", "task: p\ndataset_path: nobody/p\ntest_split: test\ndoc_to_text: \"Q: {{q}}\"\ndoc_to_target: a\n"
            "generation_kwargs: {until: [\".\"], max_gen_toks: 8}\n");
  const Value report = task_check_json({zoo.check("p.yaml")});
  const Value& file = report.find("files")->list().at(0);
  CHECK(file.find("row")->find("q")->string() == "A sample text.");
  CHECK(to_json(*file.find("requests")) == R"([{"context":"Q: A sample text.","until":["."],"max_gen_toks":8}])");
}
