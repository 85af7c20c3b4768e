#include "datasets/dataset.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "datasets/loaders.h"
#include "datasets/manifest.h"
#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

struct Found {
  Manifest manifest;
  DatasetPart part;
};

std::optional<Found> known_part(const std::string& name) {
  for (const Manifest& manifest : read_manifests())
    for (const DatasetPart& part : manifest.parts)
      if (part.name == name) return Found{manifest, part};
  return std::nullopt;
}

Found find_part(const std::string& name) {
  if (std::optional<Found> found = known_part(name)) return *found;
  std::vector<std::string> names;
  for (const Manifest& manifest : read_manifests()) {
    for (const DatasetPart& part : manifest.parts) names.push_back(part.name);
    if (manifest.name == name) {
      fail(cat("dataset '", name, "' comes in parts: expected a name such as '",
               manifest.parts.front().name, "'"));
    }
  }
  fail(cat("unknown dataset '", name, "'", did_you_mean(name, names)));
}

const DataSplit& find_split(const DatasetPart& part, const std::string& name) {
  std::vector<std::string> names;
  for (const DataSplit& split : part.splits) {
    if (split.name == name) return split;
    names.push_back(split.name);
  }
  fail(cat("dataset '", part.name, "' has no split '", name, "'; there are: ", join(names, " "),
           did_you_mean(name, names)));
}

FileSpec in_cache(FileSpec file) {
  file.name = "data/" + file.name;
  return file;
}

// The path of a real file, "" if it is neither in EVALHARNESS_DATA nor in the cache. A file that is
// in EVALHARNESS_DATA with the wrong content is an error: silently taking another would hide it.
std::string local_path(const FileSpec& file) {
  const char* folder = std::getenv("EVALHARNESS_DATA");
  if (folder != nullptr && *folder != '\0') {
    const fs::path path = fs::path(folder) / file.name;
    if (fs::exists(path)) return path.string();
  }
  return cached_file(in_cache(file));
}

bool is_local(const DataFile& data) {
  return !local_path(data.file).empty() &&
         std::ranges::all_of(data.labels,
                             [](const FileSpec& file) { return !local_path(file).empty(); });
}

void check_sha256(const FileSpec& file, const std::string& path, const std::string& sum) {
  if (file.sha256.empty() || sum == file.sha256) return;
  fail(cat(path, ": sha256: expected ", file.sha256, ", got ", sum));
}

std::string_view as_text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// One label a line, an integer where it reads as one: lm-eval indexes choices with it.
void add_labels(std::vector<Document>& documents, const FileSpec& file, const std::string& path) {
  const std::vector<Document> lines = parse_rows(read_text(path), "text-lines", file.name);
  if (lines.size() != documents.size()) {
    fail(cat(file.name, ": expected ", documents.size(), " labels, got ", lines.size()));
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& label = lines[i].string("text");
    const bool digits =
        !label.empty() && label.find_first_not_of("0123456789") == std::string::npos;
    documents[i].fields().set("label",
                              digits && label.size() < 10 ? Value(std::stoi(label)) : Value(label));
  }
}

std::vector<Document> read_documents(const DataFile& data, const DataSplit& split,
                                     std::string_view text) {
  std::vector<Document> documents = parse_rows(text, data.format, data.file.name);
  for (Document& document : documents) document = reshape(document, data.reshape);
  if (data.rows != 0 && documents.size() != data.rows) {
    fail(cat(data.file.name, ": expected ", data.rows, " documents, got ", documents.size()));
  }
  for (const FileSpec& labels : data.labels) {
    const std::string path = local_path(labels);
    check_sha256(labels, path, sha256_of_file(path));
    add_labels(documents, labels, path);
  }
  for (const Document& document : documents) {
    for (const std::string& field : split.fields) document.at(field);
  }
  return documents;
}

Dataset read_real(const DataFile& data, const DataSplit& split) {
  Dataset dataset;
  dataset.path = local_path(data.file);
  const MappedFile file(dataset.path);
  dataset.sha256 = sha256_hex(file.bytes());
  check_sha256(data.file, dataset.path, dataset.sha256);
  dataset.documents = read_documents(data, split, as_text(file));
  dataset.subset = data.subset;
  return dataset;
}

Dataset read_sample(const DataFile& data, const DataSplit& split) {
  Dataset dataset;
  dataset.sample = true;
  dataset.path = (fs::path(home_directory()) / "datasets" / "samples" / data.file.name).string();
  const MappedFile file(dataset.path);
  dataset.sha256 = sha256_hex(file.bytes());
  dataset.documents = read_documents(data, split, as_text(file));
  return dataset;
}

const DataFile* first_local(const DataSplit& split) {
  const auto data = std::ranges::find_if(split.files, is_local);
  return data == split.files.end() ? nullptr : &*data;
}

// The first file of the split that has somewhere to come from.
const DataFile* first_fetchable(const DataSplit& split) {
  const auto data = std::ranges::find_if(
      split.files, [](const DataFile& candidate) { return !candidate.file.sources.empty(); });
  return data == split.files.end() ? nullptr : &*data;
}

void fetch_data_file(const DataFile& data, bool offline) {
  if (local_path(data.file).empty()) fetch_file(in_cache(data.file), offline);
  for (const FileSpec& labels : data.labels) {
    if (local_path(labels).empty()) fetch_file(in_cache(labels), offline);
  }
}

[[noreturn]] void fail_missing(const std::string& name, const DataSplit& split) {
  std::string text = cat("dataset '", name, "' split '", split.name, "' is not on this machine");
  if (first_fetchable(split) != nullptr) text += cat("; 'evalharness fetch ", name, "' brings it");
  for (const DataFile& data : split.files)
    text += cat("; EVALHARNESS_DATA may hold ", data.file.name);
  fail(text);
}

Dataset read_rows(const std::string& name, const DataSplit& split, const DataOptions& options) {
  if (const DataFile* data = first_local(split)) return read_real(*data, split);
  if (options.allow_sample && !split.samples.empty()) return read_sample(split.samples[0], split);
  const DataFile* data = first_fetchable(split);
  if (options.offline || data == nullptr) fail_missing(name, split);
  fetch_data_file(*data, options.offline);
  return read_real(*data, split);
}

Dataset read_split(const DatasetPart& part, const DataSplit& split, const DataOptions& options) {
  Dataset dataset = read_rows(part.name, split, options);
  if (!split.common) return dataset;
  const Dataset other = read_rows(part.name, find_split(part, split.common->split), options);
  if (other.documents.empty()) fail(cat("dataset '", part.name, "' split '", split.common->split, "' has no rows"));
  for (Document& document : dataset.documents)
    for (const auto& [column, source] : split.common->columns)
      document.fields().set(column, other.documents.front().at(source));
  dataset.sample = dataset.sample || other.sample;
  return dataset;
}

}  // namespace

Dataset load_dataset(const std::string& name, const std::string& split,
                     const DataOptions& options) {
  const Found found = find_part(name);
  Dataset dataset = read_split(found.part, find_split(found.part, split), options);
  dataset.name = name;
  dataset.split = split;
  dataset.licence =
      dataset.sample ? "Apache-2.0 (written for evalharness)" : found.manifest.licence;
  return dataset;
}

std::vector<DatasetInfo> list_datasets() {
  std::vector<DatasetInfo> all;
  for (const Manifest& manifest : read_manifests()) {
    for (const DatasetPart& part : manifest.parts) {
      DatasetInfo info{part.name, manifest.licence, manifest.description, {}, true};
      for (const DataSplit& split : part.splits) {
        info.splits.push_back(split.name);
        info.available = info.available && first_local(split) != nullptr;
      }
      all.push_back(std::move(info));
    }
  }
  std::ranges::sort(all, {}, &DatasetInfo::name);
  return all;
}

std::optional<size_t> expected_windows(const Dataset& dataset, size_t window,
                                       const std::string& tokenizer_hash) {
  const std::optional<Found> found = known_part(dataset.name);
  if (dataset.sample || !found) return std::nullopt;
  for (const DataFile& data : find_split(found->part, dataset.split).files) {
    if (data.file.sha256 != dataset.sha256) continue;
    const auto counts = data.windows.find(tokenizer_hash);
    if (counts == data.windows.end()) return std::nullopt;
    const auto count = counts->second.find(window);
    if (count != counts->second.end()) return count->second;
  }
  return std::nullopt;
}

void fetch_dataset(const std::string& name, bool offline) {
  const Found found = find_part(name);
  for (const DataSplit& split : found.part.splits) {
    if (first_local(split) == &split.files.front()) continue;
    if (const DataFile* data = first_fetchable(split)) fetch_data_file(*data, offline);
  }
}

}  // namespace evalharness
