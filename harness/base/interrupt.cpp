#include "harness/base/interrupt.h"

#include <csignal>
#include <vector>

namespace evalharness {
namespace {

volatile std::sig_atomic_t g_requested = 0;

extern "C" void on_signal(int number) {
  g_requested = 1;
  std::signal(number, SIG_DFL);
}

// The handler has a stack of its own: oneDNN's compiled product for AVX2 takes memory of the heap for its stack, and a handler on
// that writes over what lies before it. Signals of the process come to its main thread, which calls this.
void give_handlers_a_stack() {
  static std::vector<char> memory(static_cast<size_t>(SIGSTKSZ) + (size_t{64} << 10));
  stack_t stack{};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  ::sigaltstack(&stack, nullptr);
}

}  // namespace

void watch_interrupts() {
  give_handlers_a_stack();
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

bool interrupt_requested() { return g_requested != 0; }

void stop_if_interrupted() {
  if (interrupt_requested()) throw Interrupted();
}

}  // namespace evalharness
