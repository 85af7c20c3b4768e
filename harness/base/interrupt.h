// Ctrl-C that loses nothing: the first asks the run to stop after the unit under way, the second kills.
#pragma once

#include <stdexcept>

namespace evalharness {

class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

// From now on SIGINT and SIGTERM set a flag once, and act as usual the second time. Of the main thread.
void watch_interrupts();
bool interrupt_requested();
// Throws Interrupted if so.
void stop_if_interrupted();

}  // namespace evalharness
