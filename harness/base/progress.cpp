#include "harness/base/progress.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::atomic<bool> enabled = true;

bool on_terminal() {
  static const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  return is_terminal;
}

// A terminal's line is renewed often, a log file gets few lines.
double interval() { return on_terminal() ? 0.2 : 10; }  // seconds

}  // namespace

void Progress::set_enabled(bool on) { enabled = on; }

Progress::Progress(std::string title, size_t total)
    : title_(std::move(title)),
      total_(total),
      start_(steady_seconds()),
      printed_(start_) {
  if (enabled && on_terminal()) print(false);
}

Progress::~Progress() {
  // A log has the line already where the last step printed it.
  if (enabled && (on_terminal() || !ended_)) print(true);
}

void Progress::advance(size_t done, const std::string& detail) {
  done_ += done;
  detail_ = detail;
  if (!enabled || steady_seconds() - printed_ < interval()) return;
  print(false);
}

void Progress::print(bool last) {
  printed_ = steady_seconds();
  const std::string line = progress_text({.title = title_,
                                          .detail = detail_,
                                          .done = done_,
                                          .total = total_,
                                          .seconds = steady_seconds() - start_,
                                          .is_last = last});
  if (on_terminal()) {
    std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), last ? "\n" : "");
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
    ended_ = total_ > 0 && done_ >= total_;
  }
}

std::string progress_text(const ProgressState& state) {
  std::string line = state.title;
  if (state.total > 0)
    line += cat(
        ' ',
        fixed_text(100.0 * static_cast<double>(state.done) / static_cast<double>(state.total), 0),
        '%');
  if (!state.detail.empty() && !state.is_last) line += cat(' ', state.detail);
  line += cat(", ", duration_text(state.seconds));
  if (state.is_last || state.done == 0 || state.done >= state.total) return line;
  const double left = state.seconds * static_cast<double>(state.total - state.done) /
                      static_cast<double>(state.done);
  return line + cat(", ", duration_text(left), " left");
}

}  // namespace evalharness
