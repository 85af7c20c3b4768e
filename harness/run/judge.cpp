#include "harness/run/judge.h"

#include <cstring>

#include "harness/base/child_process.h"
#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

[[noreturn]] void fail_judge(const std::string& command, const std::string& text) {
  fail(cat("judge '", command, "': ", text));
}

// Files, not pipes: a judge may read all before it writes, or write before it reads, and both are kept.
void run_judge(const std::string& command, const std::string& input, const std::string& output) {
  Progress progress(cat("judging by '", command, "'"), 0);
  const ChildStatus status = run_child({"/bin/sh", "-c", command}, {.input = input, .output = output, .errors = ""}, [&] { progress.advance(0); });
  if (status.start_error != 0) fail_judge(command, cat("cannot be started: ", std::strerror(status.start_error)));
  if (status.signal != 0) fail_judge(command, cat("ended by signal ", status.signal));
  if (status.exit != 0) fail_judge(command, cat("expected exit status 0, got ", status.exit));
}

std::string input_lines(std::span<const JudgedAnswer> answers) {
  std::string lines;
  for (const JudgedAnswer& answer : answers) {
    const Value::Map line = {{"id", Value(answer.id)}, {"question", Value(answer.question)},
                             {"answer", Value(answer.answer)}, {"reference", Value(answer.reference)}};
    lines += to_json(Value(line)) + "\n";
  }
  return lines;
}

double score_of(const std::string& line, const JudgedAnswer& answer, const std::string& where) {
  const std::string expected = cat(where, ": expected {\"id\": ", answer.id, ", \"score\": NUMBER}");
  const Value verdict = parse_json(line, expected);
  if (!verdict.is_map()) fail(cat(expected, ", got ", verdict.type_name()));
  const std::vector<std::string> known = {"id", "score", "reason"};
  for (const auto& [key, value] : verdict.map())
    if (key != "id" && key != "score" && key != "reason")
      fail(cat(where, ": unknown key '", key, "'", did_you_mean(key, known)));
  const Value* const id = verdict.find("id");
  if (id == nullptr || *id != Value(answer.id))
    fail(cat(where, ": id: expected ", answer.id, ", for lines come in the order of the answers, got ",
             id == nullptr ? "none" : to_json(*id)));
  const Value* const score = verdict.find("score");
  if (score == nullptr || !score->is_number())
    fail(cat(where, ": score: expected a number, got ", score == nullptr ? "none" : score->type_name()));
  return score->number();
}

}  // namespace

Judgement judge_answers(const std::string& command, std::span<const JudgedAnswer> answers, const std::string& path) {
  const std::string input = path + ".in.jsonl", output = path + ".out.jsonl";
  write_text(input, input_lines(answers));
  run_judge(command, input, output);
  const std::string text = read_text(output);
  std::vector<std::string> lines = split(text, "\n");
  if (lines.back().empty()) lines.pop_back();
  if (lines.size() != answers.size())
    fail_judge(command, cat("expected ", answers.size(), " lines, one an answer, got ", lines.size(), " in ", output));
  Judgement judgement{{}, sha256_hex(text)};
  for (size_t i = 0; i < lines.size(); ++i)
    judgement.scores.push_back(score_of(lines[i], answers[i], cat(output, ":", i + 1)));
  return judgement;
}

}  // namespace evalharness
