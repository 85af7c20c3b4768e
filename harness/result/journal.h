// One JSON line for each answered unit of work, flushed as it is made, so that a killed run loses
// at most the unit under way. From it every metric, error bar and paired test is computed again
// without a model.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <string_view>

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
  // Opens for appending; reads what is there first. A last line that a kill cut short is dropped,
  // from the file too. Answers come back as they were, bit by bit: NaN, infinities and texts that
  // end within a character included.
  // `run_hash` (of config, model and data): a journal of another one fails, naming the file.
  Journal(const std::string& path, const std::string& run_hash);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Null where there is none; valid until the journal changes.
  const Answer* find(const JournalKey& key) const;
  // Writes the line and flushes it to the system. `request_hash`: sha256 of the request's text.
  void add(const JournalKey& key, const std::string& request_hash, const Answer& answer);
  size_t size() const { return answers_.size(); }

 private:
  void read(const std::string& run_hash);
  void read_line(std::string_view text, size_t number, const std::string& run_hash);
  void write(const std::string& line);

  std::string path_;
  std::FILE* file_ = nullptr;
  std::map<JournalKey, Answer> answers_;
};

}  // namespace evalharness
