// Another program, run to its end. It and what it starts are a process group, in the background of a terminal: an interrupt
// (see interrupt.h) ends all of them. A second one ends this program at once, and leaves them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace evalharness {

// Paths; "" of the input: ours, of the others: our stderr, for our stdout is for results.
struct ChildFiles {
  std::string input, output, errors;
};

struct ChildStatus {
  int start_error = 0;  // errno where it could not be started (ENOENT: no such program, or no such file of `files`) or waited for
  int signal = 0;       // that ended it
  int exit = 0;
  bool ok() const { return start_error == 0 && signal == 0 && exit == 0; }
};

// words[0] is looked for in PATH; no shell takes part. `while_waiting` is called now and then. Where an interrupt is asked for, the group
// gets SIGTERM, what is left of it after five seconds SIGKILL, and this throws Interrupted.
ChildStatus run_child(std::vector<std::string> words, const ChildFiles& files, const std::function<void()>& while_waiting = {});

}  // namespace evalharness
