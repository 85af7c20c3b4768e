#include "harness/base/interrupt.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <vector>

using namespace evalharness;

#if defined(__x86_64__)
namespace {

// Sends itself a signal while the stack pointer is in the middle of `memory`, as it is in oneDNN's compiled product for AVX2.
void interrupt_on_stack(int number, std::vector<char>& memory) {
  long result = SYS_kill;
  asm volatile(
      "mov %%rsp, %%r12\n\t"
      "mov %[middle], %%rsp\n\t"
      "syscall\n\t"
      "mov %%r12, %%rsp"
      : "+a"(result)
      : [middle] "r"(memory.data() + memory.size() / 2), "D"(long{::getpid()}), "S"(long{number})
      : "rcx", "r11", "r12", "memory", "cc");
}

}  // namespace

TEST_CASE("a handler of Ctrl-C writes nothing where the stack pointer is", "[interrupt]") {
  for (const int number : {SIGINT, SIGTERM}) {
    const pid_t child = ::fork();
    if (child == 0) {
      watch_interrupts();
      std::vector<char> memory(size_t{256} << 10, 'x');
      interrupt_on_stack(number, memory);
      const bool untouched = std::ranges::all_of(memory, [](char byte) { return byte == 'x'; });
      ::_exit(interrupt_requested() && untouched ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
}
#endif
