#include "datasets/manifest.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <mutex>

#include "datasets/dataset.h"
#include "datasets/loaders.h"
#include "harness/base/config_node.h"
#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::string read_sha256(const ConfigNode& node) {
  const std::string sum = node.get("sha256", "");
  const bool hex = sum.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!sum.empty() && (sum.size() != 64 || !hex)) {
    node.fail_at("sha256", cat("expected 64 lower-case hex digits, got '", sum, "'"));
  }
  return sum;
}

FileSpec read_file(const ConfigNode& node) {
  FileSpec file{.name = node.at("path").as_string(), .sources = {}, .sha256 = read_sha256(node)};
  file.bytes = node.get("bytes", size_t{0});
  if (const auto sources = node.find("sources")) {
    for (const ConfigNode& source : sources->items()) file.sources.push_back(source.as_string());
  }
  return file;
}

Projection read_projection(const std::string& field, const ConfigNode& node) {
  if (node.is_scalar()) return {field, "copy", node.as_string()};
  for (const char* how : {"columns", "labelled", "letter", "integer"}) {
    if (const auto source = node.find(how)) return {field, how, source->as_string()};
  }
  node.fail("expected a field name or one of {columns: x}, {labelled: x}, {letter: x}, {integer: x}");
}

size_t read_window(const std::string& key, const ConfigNode& node) {
  size_t window = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), window);
  if (error != std::errc() || end != key.data() + key.size()) {
    node.fail(cat("expected a window length as key, got '", key, "'"));
  }
  return window;
}

DataFile read_data_file(const ConfigNode& node, const std::string& format) {
  DataFile data;
  data.file = read_file(node);
  data.format = node.get_one_of("format", data_formats(), format);
  data.rows = node.get("rows", size_t{0});
  data.subset = node.get("subset", "");
  if (const auto fields = node.find("reshape")) {
    for (const std::string& field : fields->keys()) {
      data.reshape.push_back(read_projection(field, fields->at(field)));
    }
  }
  if (const auto labels = node.find("labels")) data.labels.push_back(read_file(*labels));
  if (const auto windows = node.find("windows")) {
    for (const std::string& tokenizer : windows->keys()) {
      const ConfigNode counts = windows->at(tokenizer);
      for (const std::string& window : counts.keys()) {
        data.windows[tokenizer][read_window(window, counts)] = counts.at(window).as_count();
      }
    }
  }
  return data;
}

CommonColumns read_common(const ConfigNode& node) {
  CommonColumns common{.split = node.at("split").as_string(), .columns = {}};
  const ConfigNode columns = node.at("columns");
  for (const std::string& column : columns.keys()) common.columns[column] = columns.at(column).as_string();
  return common;
}

DataSplit read_split(const std::string& name, const ConfigNode& node) {
  DataSplit split{.name = name, .fields = {}, .files = {}, .samples = {}, .common = {}};
  const std::string format = node.get_one_of("format", data_formats(), "jsonl");
  const ConfigNode fields = node.at("fields");
  for (const ConfigNode& field : fields.items()) split.fields.push_back(field.as_string());
  if (const auto files = node.find("files")) {
    for (const ConfigNode& file : files->items()) {
      split.files.push_back(read_data_file(file, format));
      if (split.files.back().rows == 0)
        file.fail_at("rows", "expected the number of documents, got 0");
    }
  }
  if (const auto sample = node.find("sample"))
    split.samples.push_back(read_data_file(*sample, format));
  if (const auto common = node.find("common")) split.common = read_common(*common);
  return split;
}

DatasetPart read_part(const std::string& name, const ConfigNode& splits) {
  DatasetPart part{.name = name, .splits = {}};
  for (const std::string& split : splits.keys())
    part.splits.push_back(read_split(split, splits.at(split)));
  return part;
}

Manifest parse_manifest(const ConfigNode& node) {
  Manifest manifest;
  manifest.name = node.at("name").as_string();
  manifest.description = node.at("description").as_string();
  manifest.citation = node.get("citation", "");
  manifest.licence = node.at("licence").as_string();
  if (const auto names = node.find("huggingface")) {
    for (const ConfigNode& name : names->items()) {
      manifest.huggingface.push_back({name.at("path").as_string(), name.get("config", "")});
    }
  }
  if (const auto parts = node.find("parts")) {
    for (const std::string& part : parts->keys()) {
      manifest.parts.push_back(read_part(cat(manifest.name, "/", part), parts->at(part)));
    }
  } else {
    manifest.parts.push_back(read_part(manifest.name, node.at("splits")));
  }
  node.reject_unread();
  return manifest;
}

// Every look at a dataset asks for all manifests: one whose text is what it was is not parsed again.
Manifest known_manifest(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::pair<std::string, Manifest>> known;  // path -> text and what it says
  const std::lock_guard lock(mutex);
  std::string text = read_text(path);
  const auto found = known.find(path);
  if (found != known.end() && found->second.first == text) return found->second.second;
  Manifest manifest = parse_manifest(ConfigNode::parse(text, path));
  known.insert_or_assign(path, std::pair(std::move(text), manifest));
  return manifest;
}

}  // namespace

Manifest read_manifest(const std::string& path) { return parse_manifest(ConfigNode::load(path)); }

std::vector<Manifest> read_manifests() {
  const std::filesystem::path folder = std::filesystem::path(home_directory()) / "datasets";
  if (!std::filesystem::is_directory(folder)) fail(cat(folder.string(), ": no such folder"));
  std::vector<Manifest> manifests;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml")
      manifests.push_back(known_manifest(entry.path().string()));
  }
  std::ranges::sort(manifests, {}, &Manifest::name);
  return manifests;
}

}  // namespace evalharness
