#include "harness/base/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

constexpr std::chrono::milliseconds kLongestPause(100);
constexpr std::chrono::seconds kPatience(5);

// Ends what is left of a group that was told to end at `told`.
void end_group(pid_t group, Clock::time_point told) {
  while (kill(-group, 0) == 0 && Clock::now() - told < kPatience) std::this_thread::sleep_for(kLongestPause / 10);
  kill(-group, SIGKILL);
}

// Waits longer and longer, for a program may take a millisecond or an hour.
ChildStatus wait_for(pid_t child, const std::function<void()>& while_waiting) {
  std::chrono::milliseconds pause(1);
  Clock::time_point told = Clock::time_point::max();  // that it shall end
  int status = 0;
  for (pid_t ended = 0; ended != child;) {
    if (interrupt_requested() && told == Clock::time_point::max()) {
      kill(-child, SIGTERM);
      told = Clock::now();
    }
    if (told != Clock::time_point::max() && Clock::now() - told > kPatience) kill(-child, SIGKILL);
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
    if (while_waiting) while_waiting();
    ended = waitpid(child, &status, WNOHANG);
    if (ended < 0 && errno != EINTR) return {.start_error = errno};
  }
  if (told != Clock::time_point::max()) end_group(child, told);
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  return {.exit = WEXITSTATUS(status)};
}

}  // namespace

ChildStatus run_child(std::vector<std::string> words, const ChildFiles& files, const std::function<void()>& while_waiting) {
  pid_t child = 0;
  if (const int error = start(words, files, child); error != 0) return {.start_error = error};
  const ChildStatus status = wait_for(child, while_waiting);
  stop_if_interrupted();
  return status;
}

}  // namespace evalharness
