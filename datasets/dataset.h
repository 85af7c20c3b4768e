// A dataset as its manifest (datasets/<name>.yaml) describes it: canonical sources with checksums, the
// loader of its form, the licence, the row counts.
#pragma once

#include <string>
#include <vector>

#include "datasets/document.h"

namespace evalharness {

struct Dataset {
  std::string name;
  std::string split;
  std::vector<Document> documents;
  bool sample = false;       // from datasets/samples/: shown wherever a number made from it is shown
  std::string path;          // file that was read
  std::string sha256;        // of that file
  std::string licence;
};

struct DataOptions {
  bool offline = false;      // never touch the network
  bool allow_sample = true;  // fall back to the bundled sample
};

// Looks for the split's file in EVALHARNESS_DATA, then the cache (EVALHARNESS_CACHE, else
// ~/.cache/evalharness), then the bundled sample. Checks sha256 and row count of anything but a sample. Fails on an
// unknown dataset or split with the nearest name, on a wrong checksum, on a row without a declared
// field (file:line and the fields there are), on text that is not UTF-8.
Dataset load_dataset(const std::string& name, const std::string& split, const DataOptions& options);

struct DatasetInfo {
  std::string name, licence, description;
  std::vector<std::string> splits;
  bool available = false;  // a real file of every split is in EVALHARNESS_DATA or the cache
};
std::vector<DatasetInfo> list_datasets();

// Where this program's own data (datasets/, tasks/, configs/) lies: EVALHARNESS_HOME, else the source
// tree it was built from, else share/evalharness of the install prefix.
std::string home_directory();
std::string cache_directory();

}  // namespace evalharness
