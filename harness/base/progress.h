// Progress of long work on stderr: one line that renews itself on a terminal, a line every ten
// seconds elsewhere, with the share done and the time left.
#pragma once

#include <cstddef>
#include <string>

namespace evalharness {

struct ProgressState {
  std::string title, detail;
  size_t done = 0, total = 0;
  double seconds = 0;  // since the start
  bool is_last = false;
};

// "wanda 50% layer 15, 12 s, 12 s left".
std::string progress_text(const ProgressState& state);

// Used by one thread.
class Progress {
 public:
  // `total` in any unit that is proportional to time (tokens, layers). 0: unknown.
  Progress(std::string title, size_t total);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(size_t done = 1, const std::string& detail = "");
  // No progress is printed (tests, --quiet) when off.
  static void set_enabled(bool enabled);

 private:
  void print(bool last);
  std::string title_, detail_;
  size_t total_, done_ = 0;
  bool ended_ = false;  // a line of a log said that all is done
  double start_, printed_;  // steady_seconds()
};

}  // namespace evalharness
