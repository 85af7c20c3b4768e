#include "harness/run/judge.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"

extern char** environ;

namespace evalharness {
namespace {

[[noreturn]] void fail_judge(const std::string& command, const std::string& text) {
  fail(cat("judge '", command, "': ", text));
}

// Exit status as of waitpid(). Waits longer and longer, for a judge may take a millisecond or an hour.
int wait_for(pid_t child, Progress& progress) {
  constexpr std::chrono::milliseconds kLongest(100);
  std::chrono::milliseconds pause(1);
  bool told = false;  // that it shall end
  int status = 0;
  while (waitpid(child, &status, WNOHANG) != child) {
    if (interrupt_requested() && !told) told = kill(child, SIGTERM) == 0;
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongest);
    progress.advance(0);
  }
  return status;
}

// Files, not pipes: a judge may read all before it writes, or write before it reads, and both are kept.
void run_shell(const std::string& command, const std::string& input, const std::string& output) {
  std::string shell = "/bin/sh", option = "-c", line = command;
  char* const arguments[] = {shell.data(), option.data(), line.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child = 0;
  const int error = posix_spawn(&child, arguments[0], &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail_judge(command, cat("cannot be started: ", std::strerror(error)));
  Progress progress(cat("judging by '", command, "'"), 0);
  const int status = wait_for(child, progress);
  stop_if_interrupted();
  if (WIFSIGNALED(status)) fail_judge(command, cat("ended by signal ", WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) fail_judge(command, cat("expected exit status 0, got ", WEXITSTATUS(status)));
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
  run_shell(command, input, output);
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
