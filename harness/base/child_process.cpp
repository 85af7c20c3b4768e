#include "harness/base/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "harness/base/interrupt.h"

extern char** environ;

namespace evalharness {
namespace {

using Clock = std::chrono::steady_clock;

class FileActions {
 public:
  explicit FileActions(const ChildFiles& files) {
    posix_spawn_file_actions_init(&actions_);
    if (!files.input.empty()) posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, files.input.c_str(), O_RDONLY, 0);
    // Before stderr is another file.
    if (files.output.empty()) posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
    if (!files.output.empty()) open(STDOUT_FILENO, files.output);
    if (!files.errors.empty()) open(STDERR_FILENO, files.errors);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void open(int descriptor, const std::string& path) {
    posix_spawn_file_actions_addopen(&actions_, descriptor, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  }
  posix_spawn_file_actions_t actions_;
};

// 0, or why not.
int start(std::vector<std::string>& words, const ChildFiles& files, pid_t& child) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // group 0: its own
  const int error = posix_spawnp(&child, arguments[0], FileActions(files).get(), &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  return error;
}

// Its status as of waitpid(). Waits longer and longer, for a program may take a millisecond or an hour.
int wait_for(pid_t child, const std::function<void()>& while_waiting) {
  constexpr std::chrono::milliseconds kLongest(100);
  constexpr std::chrono::seconds kPatience(5);
  std::chrono::milliseconds pause(1);
  Clock::time_point told = Clock::time_point::max();  // that it shall end
  int status = 0;
  while (waitpid(child, &status, WNOHANG) != child) {
    const Clock::time_point now = Clock::now();
    if (interrupt_requested() && told == Clock::time_point::max()) {
      kill(-child, SIGTERM);
      told = now;
    }
    if (told < now && now - told > kPatience) kill(-child, SIGKILL);
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongest);
    if (while_waiting) while_waiting();
  }
  return status;
}

}  // namespace

ChildStatus run_child(std::vector<std::string> words, const ChildFiles& files, const std::function<void()>& while_waiting) {
  pid_t child = 0;
  if (const int error = start(words, files, child); error != 0) return {.start_error = error};
  const int status = wait_for(child, while_waiting);
  stop_if_interrupted();
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  return {.exit = WEXITSTATUS(status)};
}

}  // namespace evalharness
