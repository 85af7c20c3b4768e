// Wheels from the Python package index, by pip as a child process. No shell takes part.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/sources.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

extern char** environ;

namespace evalharness {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

enum class Output { discarded, to_stderr };

// Exit status of a program, -1 if there is no such program. Its output goes to our stderr or
// nowhere: stdout is for results.
int run_program(Words words, Output output) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (output == Output::discarded) {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  } else {
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  }
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// How pip is started here; a Python may be there without its pip.
Words find_pip() {
  for (const Words& pip : {Words{"python3", "-m", "pip"}, Words{"pip3"}, Words{"pip"}}) {
    Words question = pip;
    question.push_back("--version");
    if (run_program(question, Output::discarded) == 0) return pip;
  }
  fail(
      "needs pip, and there is none on this machine (Debian and Ubuntu: apt-get install "
      "python3-pip)");
}

}  // namespace

std::string download_wheel(const std::string& requirement, const std::string& folder) {
  Words command = find_pip();
  // Wheels only: building a source package would run its code.
  for (const char* word : {"download", "--no-deps", "--only-binary", ":all:", "--no-input",
                           "--disable-pip-version-check", "--quiet", "-d"}) {
    command.emplace_back(word);
  }
  command.push_back(folder);
  command.push_back(requirement);
  const int status = run_program(command, Output::to_stderr);
  if (status != 0) fail(cat("'", join(command, " "), "' ended with status ", status));
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".whl") return entry.path().string();
  }
  fail("pip downloaded no wheel");
}

}  // namespace evalharness
