#include "harness/base/interrupt.h"

#include <csignal>

namespace evalharness {
namespace {

volatile std::sig_atomic_t g_requested = 0;

extern "C" void on_signal(int number) {
  g_requested = 1;
  std::signal(number, SIG_DFL);
}

}  // namespace

void watch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupt_requested() { return g_requested != 0; }

void stop_if_interrupted() {
  if (interrupt_requested()) throw Interrupted();
}

}  // namespace evalharness
