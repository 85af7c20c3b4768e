#include "tasks/python_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "harness/base/text.h"
#include "tasks/regex.h"
#include "tasks/task.h"

namespace evalharness {
namespace {

// The blocks of a file that begin at its left edge, by the name that they define.
std::map<std::string, std::string> definitions_of(const std::string& source) {
  static const Regex head(R"(^(?:def|class) +(\w+)|^(\w+) *=)", "definitions");
  std::map<std::string, std::string> blocks;
  std::string name;
  for (const std::string& line : split(source, "\n")) {
    const auto found = head.find_all(line);
    if (!found.empty()) name = found[0][0].empty() ? found[0][1] : found[0][0];
    if (!name.empty()) blocks[name] += line + "\n";
  }
  return blocks;
}

// The text of a function and of all in its file that it names.
void collect(const std::map<std::string, std::string>& blocks, const std::string& name,
             std::map<std::string, std::string>& reached) {
  const auto found = blocks.find(name);
  if (found == blocks.end() || !reached.emplace(name, found->second).second) return;
  static const Regex word(R"(\b\w+\b)", "names");
  for (const auto& match : word.find_all(found->second)) collect(blocks, match[0], reached);
}

std::string source_of(const ConfigNode& function) {
  const std::string place = function.where();  // "dir/file.yaml:7:13"
  const std::string file = place.substr(0, place.rfind(':', place.rfind(':') - 1));
  const std::vector<std::string> parts = split(function.as_string(), ".");
  if (parts.size() < 2) return "";
  std::filesystem::path path = std::filesystem::path(file).parent_path();
  for (size_t i = 0; i + 1 < parts.size(); ++i) path /= parts[i];
  std::ifstream stream(path.string() + ".py", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::map<std::string, std::string> reached;
  collect(definitions_of(text), parts.back(), reached);
  std::string all;
  for (const auto& entry : reached) all += entry.second;
  return all;
}

bool holds_any(const std::string& text, const std::vector<const char*>& marks) {
  for (const char* mark : marks)
    if (text.find(mark) != text.npos) return true;
  return false;
}

}  // namespace

std::set<std::string> transforms_for(const ConfigNode& function) {
  static const std::map<std::string, std::vector<const char*>> marks = {
      {"each", {" for "}},
      {"filter", {".filter(", ".select("}},
      {"find_all", {"re.findall", "re.finditer", "re.search", "re.match"}},
      {"index", {".index("}},
      {"join", {".join("}},
      {"literal_eval", {"literal_eval", "json.loads", " eval("}},
      {"map", {".map(", "doc[\"", "doc['"}},
      {"regex_replace", {"re.sub"}},
      {"rename", {"rename_column"}},
      {"replace", {".replace("}},
      {"shuffle", {"shuffle("}}};
  const std::string source = source_of(function);
  std::set<std::string> names;
  if (source.empty() || holds_any(source, {"open(", "load_dataset", "requests.", "choice(",
                                           ".sample(", "nltk", "numpy", "np.", "torch"}))
    return names;
  for (const auto& [name, calls] : marks)
    if (holds_any(source, calls)) names.insert(name);
  return names;
}

std::string instead_of(const ConfigNode& function, const std::string& task) {
  if (const std::vector<std::string> names = task_names(); std::ranges::count(names, task) > 0)
    return cat("the task '", task, "' of this program needs none");
  const std::set<std::string> transforms = function.key() == "process_docs" ? transforms_for(function) : std::set<std::string>{};
  if (!transforms.empty())
    return cat("a file that includes this one can say `process_docs: null` and `transforms:` (",
               join(std::vector<std::string>(transforms.begin(), transforms.end()), ", "), ")");
  return "lm-evaluation-harness runs it, with adapters/lm_eval_adapter.py as its model";
}

}  // namespace evalharness
