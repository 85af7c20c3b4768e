// One JSON line for each answered unit of work, flushed as it is made, so that a killed run loses at
// most the unit under way. From it every metric, error bar and paired test is computed again without a model.
#pragma once

#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/scorer/scorer.h"

namespace evalharness {

// What an answer belongs to.
struct JournalKey {
  std::string variant;  // "dense", "compressed"
  std::string backend;  // "cpu"
  std::string task;
  size_t request = 0;       // index in the task's list of requests
  size_t first_window = 0;  // Rolling only
  auto operator<=>(const JournalKey&) const = default;
};

class Journal {
 public:
  // Opens for appending; reads what is there first. A last line that a kill cut short is dropped.
  // `run_hash` (of config, model and data): a journal of another one fails, naming the file.
  Journal(const std::string& path, const std::string& run_hash);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const Answer* find(const JournalKey& key) const;
  // Writes the line and flushes it to the system. `request_hash`: sha256 of the request's text.
  void add(const JournalKey& key, const std::string& request_hash, const Answer& answer);
  size_t size() const { return answers_.size(); }

 private:
  std::FILE* file_ = nullptr;
  std::map<JournalKey, Answer> answers_;
};

}  // namespace evalharness
