#include "datasets/row_files.h"

#include <filesystem>

#include "datasets/loaders.h"
#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/sha256.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::vector<std::string> read_paths(const ConfigNode& node) {
  if (!node.is_list()) return {node.as_string()};
  std::vector<std::string> paths;
  for (const ConfigNode& item : node.items()) paths.push_back(item.as_string());
  return paths;
}

}  // namespace

RowFiles RowFiles::read(const ConfigNode& data_files) {
  RowFiles files{data_files.place(), {}};
  if (!data_files.is_map()) {
    files.splits["train"] = read_paths(data_files);
    return files;
  }
  for (const std::string& split : data_files.keys()) files.splits[split] = read_paths(data_files.at(split));
  return files;
}

void RowFiles::check(const std::string& split) const {
  const auto found = splits.find(split);
  if (found == splits.end()) {
    const std::vector<std::string> names = keys_of(splits);
    fail(cat(place, ": no files of split '", split, "'; there are: ", join(names, " "), did_you_mean(split, names)));
  }
  for (const std::string& path : found->second)
    if (path.find("://") != std::string::npos || !std::filesystem::is_regular_file(path))
      fail(cat(place, ": expected files on this machine, got '", path, "'"));
}

Dataset load_row_files(const RowFiles& files, const std::string& split) {
  files.check(split);
  const std::vector<std::string>& paths = files.splits.at(split);
  Dataset dataset{.name = "json", .split = split, .documents = {}, .subset = {}, .path = join(paths, " "), .sha256 = {}, .licence = {}};
  Sha256 hash;
  for (const std::string& path : paths) {
    const std::string text = read_text(path);
    hash.add(text);
    const bool is_list = lstrip(text).starts_with('[');
    for (Document& row : parse_rows(text, is_list ? "json" : "jsonl", path)) dataset.documents.push_back(std::move(row));
  }
  dataset.sha256 = hash.hex();
  return dataset;
}

}  // namespace evalharness
