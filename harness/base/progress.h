// Progress of long work on stderr: one line that renews itself on a terminal, a line every ten
// seconds elsewhere, with the share done and the time left.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace evalharness {

class Progress {
 public:
  // `total` in any unit that is proportional to time (tokens, layers). 0: unknown.
  Progress(std::string title, size_t total);
  ~Progress();  // ends the line
  void advance(size_t done = 1, const std::string& detail = "");
  // No progress is printed (tests, --quiet) when off.
  static void set_enabled(bool enabled);

 private:
  void print(bool last);
  std::string title_, detail_;
  size_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_, printed_;
};

}  // namespace evalharness
