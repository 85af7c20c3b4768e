// Answers of dense models, kept by all that decides them, so that the runs of a suite ask the dense
// model once. What is kept is quality: a run whose answers come from here measures its own speed,
// and says nothing of the time and memory that answering took.
#pragma once

#include <string>

#include "harness/result/journal.h"

namespace evalharness {

class AnswerCache {
 public:
  // A file a key in `folder`, which is made when there is something to keep; "": nothing is kept.
  explicit AnswerCache(std::string folder) : folder_(std::move(folder)) {}

  // Puts what is kept under `key` into the journal, for a task without answers there; whether there
  // was something.
  bool recall(const std::string& key, const JournalKey& task, Journal& journal) const;
  // Keeps the task's answers, which are all there.
  void keep(const std::string& key, const JournalKey& task, const Journal& journal) const;

 private:
  std::string path(const std::string& key) const { return folder_ + "/" + key + ".jsonl"; }

  std::string folder_;
};

}  // namespace evalharness
