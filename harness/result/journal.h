// One JSON line for each answered unit of work, flushed as it is made, so that a killed run loses
// at most the unit under way. From it every metric, error bar and paired test is computed again
// without a model. Answers stay in the file: in memory is only where each begins.
#pragma once

#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scorer/scorer.h"

namespace evalharness {

// What an answer belongs to.
struct JournalKey {
  std::string variant;  // "dense", "compressed"; "pair": both along the dense one's answers
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

  // Read back from the file; nothing where there is none.
  std::optional<Answer> find(const JournalKey& key) const;
  // Of the answers that are there to one request; several where its windows were units of their own.
  std::vector<size_t> first_windows(const JournalKey& request) const;
  // Writes the line and flushes it to the system. `request_hash`: sha256 of the request's text.
  void add(const JournalKey& key, const std::string& request_hash, const Answer& answer);
  size_t size() const;
  // Adds to another journal the answers of a task (its variant, backend and name) that it has none for.
  void copy_to(Journal& other, const JournalKey& task) const;

 private:
  // Of an answer among those of one variant, backend and task: request and first window.
  using Place = std::pair<size_t, size_t>;
  struct Line {
    uint64_t offset = 0;
    size_t number = 0;
  };

  void read(const std::string& run_hash);
  void read_line(std::string_view text, Line line, const std::string& run_hash);
  void index(const JournalKey& key, Line line);
  void write(const std::string& line);

  std::string path_;
  std::FILE* file_ = nullptr;  // for appending
  uint64_t end_ = 0;           // bytes in the file
  size_t lines_ = 0;
  std::map<std::string, std::map<Place, Line>> lines_of_;
};

}  // namespace evalharness
