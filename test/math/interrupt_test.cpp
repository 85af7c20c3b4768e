#include "harness/base/interrupt.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "harness/math/gemm.h"

using namespace evalharness;

namespace {

using Clock = std::chrono::steady_clock;

// Products by the library, one after the other, until a signal has been seen and a while after. `is_ready` hears when they run.
[[noreturn]] void multiply_until_interrupted(int is_ready) {
  constexpr size_t kRows = 128, kDepth = 1536;
  watch_interrupts();
  const std::vector<float> x(kRows * kDepth, 1.0f), panel(kDepth * kPanelWidth, 1.0f);
  std::vector<float> y(kRows * kPanelWidth);
  const Clock::time_point end = Clock::now() + std::chrono::seconds(20);
  for (int after = 0, done = 0; after < 50; after += interrupt_requested() ? 1 : 0, ++done) {
    multiply_rows(GemmLibrary::onednn, best_isa(),
                  PanelProduct<float>{.x = x.data(), .x_stride = kDepth, .rows = kRows, .k = kDepth, .panel = panel.data(), .y = y.data(), .y_stride = kPanelWidth});
    if (y.back() != kDepth || Clock::now() > end) ::_exit(1);
    if (done == 1 && ::write(is_ready, "!", 1) != 1) ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

TEST_CASE("Ctrl-C in the middle of a product leaves memory as it was", "[math][interrupt]") {
  for (int round = 0; round < 5; ++round) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) multiply_until_interrupted(ready[1]);
    char byte;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + round));
    ::kill(child, SIGINT);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    ::close(ready[0]);
    ::close(ready[1]);
    CHECK(WIFEXITED(status));
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
}
