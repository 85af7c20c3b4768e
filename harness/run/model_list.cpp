#include "harness/run/model_list.h"

#include <filesystem>
#include <map>

#include "datasets/dataset.h"
#include "harness/base/config_node.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/synthetic.h"

namespace evalharness {
namespace {

ModelEntry read_entry(const std::string& name, const ConfigNode& node) {
  ModelEntry entry{.name = name, .description = {}, .citation = {}, .licence = {}, .file = {}};
  entry.description = node.at("description").as_string();
  entry.citation = node.get("citation", "");
  entry.licence = node.at("licence").as_string();
  // A folder a model: two models may have files of one name.
  entry.file.name = cat("models/", name, "/", node.at("file").as_string());
  entry.file.sha256 = node.at("sha256").as_string();
  entry.file.bytes = node.get("bytes", size_t{0});
  const ConfigNode sources = node.at("sources");
  for (const ConfigNode& source : sources.items()) entry.file.sources.push_back(source.as_string());
  return entry;
}

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.ends_with(".gguf");
}

// Weights, configs and tokenizers; not what a run leaves beside them.
bool is_part_of_model(const std::filesystem::path& file) {
  const std::string kind = file.extension().string();
  return (kind == ".json" && file.filename() != "record.json") || kind == ".safetensors" || kind == ".model" ||
         kind == ".gguf";
}

}  // namespace

std::vector<ModelEntry> list_models() {
  const std::filesystem::path path =
      std::filesystem::path(home_directory()) / "configs" / "models.yaml";
  const ConfigNode file = ConfigNode::load(path.string());
  const ConfigNode models = file.at("models");
  std::vector<ModelEntry> entries;
  for (const std::string& name : models.keys())
    entries.push_back(read_entry(name, models.at(name)));
  file.reject_unread();
  return entries;
}

std::string resolve_model(const std::string& name_or_path, bool offline) {
  if (is_synthetic(name_or_path)) return name_or_path;
  std::vector<std::string> names;
  for (const ModelEntry& entry : list_models()) {
    // Ahead of the file system: a folder of that name in the working directory must not change a
    // run.
    if (entry.name == name_or_path) return fetch_file(entry.file, offline);
    names.push_back(entry.name);
  }
  if (std::filesystem::exists(name_or_path)) return name_or_path;
  if (looks_like_path(name_or_path)) fail(cat(name_or_path, ": no such file or folder"));
  fail(cat("unknown model '", name_or_path, "'", did_you_mean(name_or_path, names)));
}

std::string find_model(const std::string& name_or_path) {
  for (const ModelEntry& entry : list_models())
    if (entry.name == name_or_path) return cached_file(entry.file);
  return std::filesystem::exists(name_or_path) ? name_or_path : "";
}

std::string model_hash(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return sha256_of_file(path);
  std::map<std::string, std::string> sums;  // by name, whatever order the file system has
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && is_part_of_model(entry.path()))
      sums[name] = sha256_of_file(entry.path().string());
  }
  std::string text;
  for (const auto& [name, sum] : sums) text += cat(name, " ", sum, "\n");
  return sha256_hex(text);
}

}  // namespace evalharness
