#include "harness/base/child_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "harness/base/interrupt.h"
#include "harness/base/mapped_file.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

TEST_CASE("a program reads and writes the files that it is given, and ends as it says", "[child]") {
  const TemporaryFolder folder;
  const std::string input = folder.path("in"), output = folder.path("out"), errors = folder.path("errors");
  write_text(input, "tide\n");
  const ChildStatus status = run_child({"sh", "-c", "cat; echo aside >&2; exit 3"}, {input, output, errors});
  CHECK(status.exit == 3);
  CHECK_FALSE(status.ok());
  CHECK(read_text(output) == "tide\n");
  CHECK(read_text(errors) == "aside\n");
  CHECK(run_child({"sh", "-c", "kill -9 $$"}, {}).signal == SIGKILL);
  CHECK(run_child({"there-is-no-such-program"}, {}).start_error == ENOENT);
  CHECK(run_child({"true"}, {}).ok());
}

TEST_CASE("an interrupt ends a program and what it has started", "[child][interrupt]") {
  const TemporaryFolder folder;
  const std::string started = folder.path("started");
  const pid_t runner = ::fork();
  if (runner == 0) {
    watch_interrupts();
    try {
      // It does not listen to SIGTERM, and is left alone by the shell, which does.
      run_child({"sh", "-c", "(trap '' TERM; exec sleep 60) & echo $! > " + started + "; wait"}, {}, [&] {
        if (!interrupt_requested() && std::filesystem::exists(started) && std::filesystem::file_size(started) > 1) ::raise(SIGTERM);
      });
    } catch (const Interrupted&) {
      ::_exit(0);
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(2);
  }
  int status = 0;
  REQUIRE(::waitpid(runner, &status, 0) == runner);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  const pid_t grandchild = std::stoi(read_text(started));
  const auto is_there = [&] {  // not one that has ended and waits to be collected
    try {
      return read_text("/proc/" + std::to_string(grandchild) + "/status").find("State:\tZ") == std::string::npos;
    } catch (const Error&) {
      return false;
    }
  };
  for (int i = 0; i < 100 && is_there(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(is_there());
}
