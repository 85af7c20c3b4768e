// A folder of one test's own, gone with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "harness/base/error.h"

namespace evalharness {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "evalharness.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) fail(pattern + ": cannot make a temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code
        ignored;  // a destructor must not throw; what stays behind is a temporary folder
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace evalharness
