// A program of the user's that scores answers: JSON lines in, JSON lines out.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace evalharness {

// What the judge reads, a line each: {"id": 3, "question": .., "answer": .., "reference": ..}.
struct JudgedAnswer {
  size_t id = 0;         // the document's row in its split
  std::string question;  // the prompt, as the models were asked
  std::string answer, reference;
};

struct Judgement {
  std::vector<double> scores;  // of each answer
  std::string output_sha256;   // of all that the judge wrote
};

// Runs `command` by /bin/sh with the answers on its standard input, and reads a line {"id": 3, "score": 7.5} for each, in
// their order, from its standard output; a "reason" (text) may stand there too. Both stay as `path`.in.jsonl and
// `path`.out.jsonl; its standard error is ours. Fails where it ends with another status than 0, and on a line that is not
// as above, with the line and what was expected.
// While it runs a line of progress says so; an interrupt ends it.
Judgement judge_answers(const std::string& command, std::span<const JudgedAnswer> answers, const std::string& path);

}  // namespace evalharness
