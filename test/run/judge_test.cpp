// Judges that are one line of sh.
#include "harness/run/judge.h"

#include <catch2/catch.hpp>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

const std::vector<JudgedAnswer> kAnswers = {{4, "How?", "So.", "Thus."}, {9, "Why \"now\"?", "No\nmore.", ""}};

std::string judge_error(const std::string& command) {
  const TemporaryFolder folder;
  try {
    judge_answers(command, kAnswers, folder.path("j"));
  } catch (const Error& error) {
    return replace_all(error.what(), folder.path() + "/", "");
  }
  return "";
}

}  // namespace

TEST_CASE("a judge reads a line an answer and writes a score for each", "[run][judge]") {
  const TemporaryFolder folder;
  const std::string command = "sed -n 's/^{\"id\":\\([0-9]*\\),.*/{\"id\": \\1, \"score\": \\1.5, \"reason\": \"odd\"}/p'";
  const Judgement judgement = judge_answers(command, kAnswers, folder.path("j"));
  CHECK(judgement.scores == std::vector<double>{4.5, 9.5});
  CHECK(read_text(folder.path("j.in.jsonl")) ==
        "{\"id\":4,\"question\":\"How?\",\"answer\":\"So.\",\"reference\":\"Thus.\"}\n"
        "{\"id\":9,\"question\":\"Why \\\"now\\\"?\",\"answer\":\"No\\nmore.\",\"reference\":\"\"}\n");
  const std::string output = "{\"id\": 4, \"score\": 4.5, \"reason\": \"odd\"}\n{\"id\": 9, \"score\": 9.5, \"reason\": \"odd\"}\n";
  CHECK(read_text(folder.path("j.out.jsonl")) == output);
  CHECK(judgement.output_sha256 == sha256_hex(output));
}

TEST_CASE("a judge that answers late is waited for", "[run][judge]") {
  const TemporaryFolder folder;
  const std::string command = "sleep 0.3; sed -n 's/^{\"id\":\\([0-9]*\\),.*/{\"id\": \\1, \"score\": 2}/p'";
  CHECK(judge_answers(command, kAnswers, folder.path("j")).scores == std::vector<double>{2, 2});
}

TEST_CASE("a judge that fails is an error that says how", "[run][judge]") {
  CHECK(judge_error("cat > /dev/null; exit 3") == "judge 'cat > /dev/null; exit 3': expected exit status 0, got 3");
  CHECK(judge_error("kill -9 $$") == "judge 'kill -9 $$': ended by signal 9");
  CHECK(judge_error("true") == "judge 'true': expected 2 lines, one an answer, got 0 in j.out.jsonl");
  const std::string one = "echo '{\"id\": 4, \"score\": 1}'; ";
  CHECK(judge_error(one) == "judge '" + one + "': expected 2 lines, one an answer, got 1 in j.out.jsonl");
  CHECK(judge_error(one + "echo well") == "j.out.jsonl:2: expected {\"id\": 9, \"score\": NUMBER}: invalid JSON: at line 1, column 1: while parsing value - invalid literal; last read: 'w'");
  CHECK(judge_error(one + "echo 7") == "j.out.jsonl:2: expected {\"id\": 9, \"score\": NUMBER}, got integer");
  CHECK(judge_error(one + one) == "j.out.jsonl:2: id: expected 9, for lines come in the order of the answers, got 4");
  CHECK(judge_error(one + "echo '{\"score\": 1}'") ==
        "j.out.jsonl:2: id: expected 9, for lines come in the order of the answers, got none");
  CHECK(judge_error(one + "echo '{\"id\": 9, \"score\": \"8/10\"}'") == "j.out.jsonl:2: score: expected a number, got string");
  CHECK(judge_error(one + "echo '{\"id\": 9}'") == "j.out.jsonl:2: score: expected a number, got none");
  CHECK(judge_error(one + "echo '{\"id\": 9, \"scor\": 1}'") == "j.out.jsonl:2: unknown key 'scor' (did you mean 'score'?)");
}
