// The order of the folders, and the test that enforces it. A folder includes from itself and from
// what its row allows; the includes of libraries that are slow to read or tied to one machine stay
// in source files; a file stays short enough to be read at once.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "test/support/home.h"

using namespace evalharness;

namespace {

using Strings = std::vector<std::string>;

// ARCHITECTURE.md shows this table.
const std::map<std::string, Strings>& layers() {
  static const std::map<std::string, Strings> kLayers = {
      {"harness/base", {}},
      {"harness/scorer", {}},
      {"harness/result", {"harness/base", "harness/scorer"}},  // the journal holds answers
      {"datasets", {"harness/base"}},
      {"harness/math", {"harness/base"}},
      {"harness/ops", {"harness/base", "harness/math"}},
      {"harness/backend", {"harness/base", "harness/math", "harness/ops"}},
      {"harness/model", {"harness/base", "harness/math", "harness/ops", "harness/backend"}},
      {"harness/train",
       {"harness/base", "harness/math", "harness/ops", "harness/backend", "harness/model",
        "datasets"}},
      {"harness/calib",
       {"harness/base", "harness/math", "harness/ops", "harness/backend", "harness/model",
        "datasets", "harness/result"}},
      {"harness/engine",
       {"harness/base", "harness/math", "harness/scorer", "harness/backend", "harness/model"}},
      {"harness/metrics", {"harness/base", "harness/math", "harness/result"}},
      {"tasks", {"harness/base", "harness/scorer", "datasets", "harness/metrics"}},
      {"methods",
       {"harness/base", "harness/math", "harness/ops", "harness/model", "harness/train",
        "harness/calib", "harness/scorer", "harness/engine", "datasets", "harness/result"}},
      {"harness/measure",
       {"harness/base", "harness/math", "harness/ops", "harness/backend", "harness/model",
        "harness/engine", "harness/result"}},
      {"reports", {"harness/base", "harness/result", "harness/metrics"}},
      {"harness/run",
       {"harness/base", "harness/scorer", "harness/result", "datasets", "harness/math",
        "harness/ops", "harness/backend", "harness/model", "harness/train", "harness/calib",
        "harness/engine", "harness/metrics", "tasks", "methods", "harness/measure"}},
  };
  return kLayers;
}

// Verbs and benchmarks may use everything.
bool is_free(const std::string& folder) {
  return folder == "harness/cli" || folder == "harness/bench";
}

// Made by the build, so in no folder.
const std::set<std::string> kGenerated = {"build_commit.h"};

// Libraries whose headers no header of ours may include.
const Strings kSourceOnly = {"yaml-cpp/", "nlohmann/", "dnnl",     "oneapi/", "cblas",
                             "lapacke",   "openblas",  "cuda",     "cublas",  "sentencepiece",
                             "CLI/",      "pcre2",     "utf8proc", "curl/",   "zip.h"};

constexpr size_t kLongestFile = 300;  // lines
// One grammar, one schema or one picture each, longer than that.
const std::set<std::string> kLonger = {"harness/model/tokenizer/from_json.cpp",
                                       "reports/comparison.cpp", "reports/roofline.cpp"};

struct Source {
  std::string path;  // from the root
  Strings lines;
  bool is_header() const { return path.ends_with(".h") || path.ends_with(".cuh"); }
};

bool is_source(const std::string& path) {
  return path.ends_with(".h") || path.ends_with(".cpp") || path.ends_with(".cu") ||
         path.ends_with(".cuh");
}

std::vector<Source> read_sources() {
  std::vector<Source> sources;
  for (const char* top : {"harness", "methods", "tasks", "datasets", "reports"}) {
    const std::string folder = home_path(top);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string path =
          std::filesystem::relative(entry.path(), home_path("")).generic_string();
      if (entry.is_regular_file() && is_source(path))
        sources.push_back({path, split(read_text(entry.path().string()), "\n")});
    }
  }
  std::sort(sources.begin(), sources.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

// "harness/model/tokenizer/bpe.cpp" is of harness/model, "tasks/jinja/lexer.h" of tasks.
std::string folder_of(const std::string& path) {
  const Strings parts = split(path, "/");
  return parts[0] == "harness" && parts.size() > 2 ? cat("harness/", parts[1]) : parts[0];
}

// What stands between the signs in an #include of `line`, "" where there is none.
std::string included(const std::string& line, char open, char close) {
  const std::string text = strip(line);
  if (!text.starts_with("#") || !lstrip(text.substr(1)).starts_with("include")) return "";
  const size_t first = text.find(open);
  const size_t last = first == std::string::npos ? first : text.find(close, first + 1);
  return last == std::string::npos ? "" : text.substr(first + 1, last - first - 1);
}

bool may_include(const std::string& folder, const std::string& other) {
  if (folder == other || is_free(folder)) return true;
  const auto row = layers().find(folder);
  if (row == layers().end()) return false;
  return std::find(row->second.begin(), row->second.end(), other) != row->second.end();
}

// Problems of one file's own includes, as "path:line: what".
void check_own_includes(const Source& source, Strings& problems) {
  const std::string folder = folder_of(source.path);
  for (size_t i = 0; i < source.lines.size(); ++i) {
    const std::string header = included(source.lines[i], '"', '"');
    if (header.empty() || kGenerated.contains(header)) continue;
    const std::string other = folder_of(header);
    if (!may_include(folder, other))
      problems.push_back(
          cat(source.path, ':', i + 1, ": ", folder, " may not include from ", other));
  }
}

void check_libraries(const Source& source, Strings& problems) {
  for (size_t i = 0; i < source.lines.size(); ++i) {
    const std::string header = included(source.lines[i], '<', '>');
    for (const std::string& library : kSourceOnly)
      if (source.is_header() && header.starts_with(library))
        problems.push_back(cat(source.path, ':', i + 1, ": a header may not include ", header));
  }
}

std::string listed(const Strings& problems) { return join(problems, "\n"); }

Strings own_include_problems(const Source& source) {
  Strings problems;
  check_own_includes(source, problems);
  return problems;
}

Strings library_problems(const Source& source) {
  Strings problems;
  check_libraries(source, problems);
  return problems;
}

}  // namespace

TEST_CASE("no two headers define a type of one name: the linker would take one for both",
          "[layers]") {
  std::map<std::string, std::string> where;
  Strings problems;
  for (const Source& source : read_sources()) {
    if (!source.is_header()) continue;
    for (const std::string& line : source.lines) {
      Strings words = split(line, " ");
      if (words.size() > 2 && words[0] == "enum") words.erase(words.begin());
      if (words.size() < 2 || (words[0] != "class" && words[0] != "struct") || line.ends_with(";"))
        continue;
      const std::string name = words[1];
      if (where.contains(name) && where[name] != source.path)
        problems.push_back(cat(name, ": ", where[name], " and ", source.path));
      where[name] = source.path;
    }
  }
  CHECK(where.size() > 50);
  CHECK(problems == Strings{});
}

TEST_CASE("a folder includes only what its row allows", "[layers]") {
  const std::vector<Source> sources = read_sources();
  REQUIRE(sources.size() > 20);
  Strings problems;
  for (const Source& source : sources) check_own_includes(source, problems);
  CHECK(listed(problems) == "");
}

TEST_CASE("heavy libraries are included by source files only", "[layers]") {
  Strings problems;
  for (const Source& source : read_sources()) check_libraries(source, problems);
  CHECK(listed(problems) == "");
}

// The flags of these files hold for all that they include: a vector's destructor or an initialised
// object compiled with AVX-512 would run on machines without it.
TEST_CASE("files compiled for an instruction set include nothing that makes code", "[layers]") {
  const std::string kernels = "harness/backend/kernels/";
  const std::set<std::string> allowed = {"cstddef", "cstdint", "immintrin.h", "utility", kernels + "token_kernels.h",
                                         kernels + "token_kernels.inc"};
  for (const char* file : {"token_kernels.h", "token_kernels.inc", "token_kernels_scalar.cpp",
                           "token_kernels_avx2.cpp", "token_kernels_avx512.cpp", "token_kernels_avx512bf16.cpp"}) {
    INFO(file);
    for (const std::string& line : split(read_text(home_path(kernels + file)), "\n")) {
      const std::string own = included(line, '"', '"'), standard = included(line, '<', '>');
      if (!own.empty()) CHECK(allowed.contains(own));
      if (!standard.empty()) CHECK(allowed.contains(standard));
    }
  }
}

TEST_CASE("no file is longer than can be read at once", "[layers]") {
  Strings problems;
  for (const Source& source : read_sources())
    // The last line ends with its newline.
    if (source.lines.size() > kLongestFile + 1 && !kLonger.contains(source.path))
      problems.push_back(cat(source.path, ": expected at most ", kLongestFile, " lines, got ",
                             source.lines.size() - 1));
  CHECK(listed(problems) == "");
}

TEST_CASE("every row rests on rows, and none rests on itself", "[layers]") {
  std::map<std::string, size_t> height;  // known once all below are
  for (size_t round = 0; round < layers().size(); ++round)
    for (const auto& [folder, below] : layers())
      if (std::all_of(below.begin(), below.end(),
                      [&](const auto& f) { return height.contains(f); }))
        height[folder] = below.size();
  CHECK(height.size() == layers().size());
}

TEST_CASE("the check sees what it must", "[layers]") {
  CHECK(own_include_problems({"reports/table.cpp", {"", "#include \"harness/model/model.h\""}}) ==
        Strings{"reports/table.cpp:2: reports may not include from harness/model"});
  CHECK(own_include_problems({"tasks/jinja/a.cpp", {"#  include  \"tasks/jinja/b.h\" // x"}})
            .empty());
  CHECK(own_include_problems({"harness/model/deep/a.cpp", {"#include \"b.h\""}}) ==
        Strings{"harness/model/deep/a.cpp:1: harness/model may not include from b.h"});
  CHECK(own_include_problems({"harness/cli/main.cpp", {"#include \"reports/table.h\""}}).empty());
  CHECK(library_problems({"harness/base/a.h", {"#include <yaml-cpp/yaml.h>"}}) ==
        Strings{"harness/base/a.h:1: a header may not include yaml-cpp/yaml.h"});
  CHECK(library_problems({"harness/base/a.cpp", {"#include <yaml-cpp/yaml.h>"}}).empty());
}
