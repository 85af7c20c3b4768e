// Wheels from the Python package index, by pip as a child process. No shell takes part.
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/sources.h"
#include "harness/base/child_process.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// How pip is started here; a Python may be there without its pip.
Words find_pip() {
  for (const Words& pip : {Words{"python3", "-m", "pip"}, Words{"pip3"}, Words{"pip"}}) {
    Words question = pip;
    question.push_back("--version");
    if (run_child(question, {.input = "", .output = "/dev/null", .errors = "/dev/null"}).ok()) return pip;
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
  const ChildStatus status = run_child(command, {});
  if (status.start_error != 0) fail(cat("'", join(command, " "), "' cannot be started: ", std::strerror(status.start_error)));
  if (status.signal != 0) fail(cat("'", join(command, " "), "' was ended by signal ", status.signal));
  if (!status.ok()) fail(cat("'", join(command, " "), "' ended with status ", status.exit));
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".whl") return entry.path().string();
  }
  fail("pip downloaded no wheel");
}

}  // namespace evalharness
