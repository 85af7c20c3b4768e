// Rows that a task file names itself.
#include "datasets/row_files.h"

#include <catch2/catch.hpp>

#include "harness/base/text.h"
#include "tasks/task.h"
#include "test/support/environment.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

TaskPtr task_of_files(const std::string& data_files) {
  return parse_task(
      "task: t\ndataset_path: json\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
      "dataset_kwargs: {data_files: " + data_files + "}\n",
      "t.yaml");
}

}  // namespace

TEST_CASE("a task file's own rows are JSON lines, or a JSON list, of one file or several", "[datasets][tasks]") {
  const TemporaryFolder folder;
  const std::string lines = "{\"q\": \"one?\", \"a\": 1}\n\n{\"q\": \"two?\", \"a\": 2}\n", list = " [{\"q\": \"three?\", \"a\": 3}]";
  write_file(folder.path("lines.jsonl"), lines);
  write_file(folder.path("list.json"), list);
  const TaskPtr task = task_of_files("{test: [" + folder.path("lines.jsonl") + ", " + folder.path("list.json") + "]}");
  CHECK(task->info().dataset == "json");
  const Dataset rows = load_row_files(task->info().files, "test");
  REQUIRE(rows.documents.size() == 3);
  CHECK(rows.documents[1].where() == folder.path("lines.jsonl:3"));
  CHECK(rows.documents[2].at("a") == Value(3));
  CHECK(rows.sha256 == sha256_hex(lines + list));
  CHECK_FALSE(rows.sample);
  CHECK(std::get<Generate>(task->requests(task->documents(rows, {}, 0).asked[2])[0]).context == "three?");
}

TEST_CASE("files of a task that are not there are errors with their place", "[datasets][tasks]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(task_of_files("{tets: a.jsonl}"),
                    "t.yaml:6:30: dataset_kwargs.data_files: no files of split 'test'; there are: tets (did you mean 'tets'?)");
  CHECK_THROWS_WITH(task_of_files("a.jsonl"), "t.yaml:6:30: dataset_kwargs.data_files: no files of split 'test'; there are: train");
  CHECK_THROWS_WITH(task_of_files("{test: hf://datasets/a/b.jsonl}"),
                    "t.yaml:6:30: dataset_kwargs.data_files: expected files on this machine, got 'hf://datasets/a/b.jsonl'");
  CHECK_THROWS_WITH(task_of_files("{test: {a: b}}"), "t.yaml:6:37: dataset_kwargs.data_files.test: expected a string, got a map");
  CHECK_THROWS_WITH(task_of_files("{test: none.jsonl}"), "t.yaml:6:30: dataset_kwargs.data_files: expected files on this machine, got 'none.jsonl'");
  write_file(folder.path("rows.jsonl"), "{\"q\": \"?\", \"a\": 1}\n{\"q\": \"\xff\"}\n");
  const TaskPtr task = task_of_files("{test: " + folder.path("rows.jsonl") + "}");
  CHECK_THROWS_WITH(load_row_files(task->info().files, "test"), folder.path("rows.jsonl") + ":2: text is not UTF-8");
}
