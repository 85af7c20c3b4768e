// Names that task files use for datasets ("openai/gsm8k", "main") to names of this project.
#include "datasets/dataset.h"
#include "datasets/manifest.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

bool has_part(const Manifest& manifest, const std::string& name) {
  for (const DatasetPart& part : manifest.parts) {
    if (part.name == name) return true;
  }
  return false;
}

// Our name for this entry and config, "" if the config is another.
std::string name_for(const Manifest& manifest, const HubName& entry, const std::string& config) {
  if (entry.config == "*") {
    const std::string part = cat(manifest.name, "/", config);
    return has_part(manifest, part) ? part : "";
  }
  return entry.config.empty() || config.empty() || entry.config == config ? manifest.name : "";
}

void add_configs(const Manifest& manifest, const HubName& entry, std::vector<std::string>& to) {
  if (entry.config != "*") {
    to.push_back(entry.config);
    return;
  }
  for (const DatasetPart& part : manifest.parts)
    to.push_back(part.name.substr(manifest.name.size() + 1));
}

}  // namespace

std::string dataset_for(const std::string& huggingface_path, const std::string& config_name, const std::string& where) {
  std::vector<std::string> paths, configs;
  for (const Manifest& manifest : read_manifests()) {
    std::vector<HubName> names = manifest.huggingface;
    const bool parted = !has_part(manifest, manifest.name);
    names.push_back({manifest.name, parted ? "*" : ""});
    if (has_part(manifest, huggingface_path)) return huggingface_path;
    for (const HubName& entry : names) {
      paths.push_back(entry.path);
      if (entry.path != huggingface_path) continue;
      const std::string name = name_for(manifest, entry, config_name);
      if (!name.empty()) return name;
      add_configs(manifest, entry, configs);
    }
  }
  const std::string place = where.empty() ? "" : where + ": ";
  if (configs.empty()) {
    fail(cat(place, "no dataset for '", huggingface_path, "'", did_you_mean(huggingface_path, paths),
             "; known are those with a manifest ('list datasets'), and rows of your own by dataset_path: json with dataset_kwargs: {data_files: ..}"));
  }
  fail(cat(place, "dataset '", huggingface_path, "' has no config '", config_name, "' here",
           did_you_mean(config_name, configs)));
}

}  // namespace evalharness
