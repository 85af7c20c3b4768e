// A dataset as its manifest (datasets/<name>.yaml) describes it: canonical sources with checksums,
// the loader of its form, the licence, the row counts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/document.h"

namespace evalharness {

struct Dataset {
  std::string name;  // "piqa", "bbh/navigate"
  std::string split;
  std::vector<Document> documents;
  bool sample = false;  // from datasets/samples/: shown wherever a number made from it is shown
  std::string
      subset;        // "" for the whole split, else what part of it this is: as visible as `sample`
  std::string path;  // file that was read
  std::string sha256;  // of that file
  std::string licence;
};

struct DataOptions {
  bool offline = false;      // never touch the network
  bool allow_sample = true;  // fall back to the bundled sample
};

// Looks for the split's file in EVALHARNESS_DATA, then the cache (EVALHARNESS_CACHE, else
// ~/.cache/evalharness), then the bundled sample. Where samples are not allowed and `offline` is
// not set, the file is fetched. A manifest may name several files for a split (a whole shard, a
// part of it): the first in its order that is there is read. Checks sha256 and row count of
// anything but a sample. Fails on an unknown dataset or split with the nearest name, on a wrong
// checksum, on a row without a declared field (file:line and the fields there are), on text that is
// not UTF-8.
Dataset load_dataset(const std::string& name, const std::string& split, const DataOptions& options);

struct DatasetInfo {
  std::string name, licence, description;
  std::vector<std::string> splits;
  bool available = false;  // a real file of every split is in EVALHARNESS_DATA or the cache
};
// Sorted by name. A manifest of several parts gives one entry a part ("bbh/navigate").
std::vector<DatasetInfo> list_datasets();

// Our name of the dataset that a Hugging Face path and config name mean ("openai/gsm8k", "main" ->
// "gsm8k"; "SaylorTwift/bbh", "navigate" -> "bbh/navigate"). Our own names pass as they are. Fails
// with the nearest; `where` names the place that asks for it.
std::string dataset_for(const std::string& huggingface_path, const std::string& config_name, const std::string& where = "");

// How many windows the manifest expects from this file with this tokenizer (Tokenizer::hash()),
// where it knows: a different count means another corpus or another tokenizer than the name says.
std::optional<size_t> expected_windows(const Dataset& dataset, size_t window,
                                       const std::string& tokenizer_hash);

// Where this program's own data (datasets/, tasks/, configs/) lies: EVALHARNESS_HOME, else the
// source tree it was built from, else share/evalharness of the install prefix.
std::string home_directory();
// EVALHARNESS_CACHE, else $XDG_CACHE_HOME/evalharness, else ~/.cache/evalharness.
std::string cache_directory();

}  // namespace evalharness
