// Files of rows that a task file names itself, in place of a dataset with a manifest: `dataset_path: json` with
// `dataset_kwargs: {data_files: ..}`, as Hugging Face's loader takes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "harness/base/config_node.h"

namespace evalharness {

struct RowFiles {
  std::string place;                                       // of data_files, for errors; "" where there are none
  std::map<std::string, std::vector<std::string>> splits;  // split -> paths, relative to the working folder

  // One path or a list of them (of the split train), or a map of splits to such.
  static RowFiles read(const ConfigNode& data_files);
  // Fails on what is not on this machine (a URL, no file), and on a split that is not among them, with the nearest.
  void check(const std::string& split) const;
};

// The rows of a split's files one after the other, each file JSON lines or one JSON list of objects. No checksum nor count is
// known of them. Fails with file:line, as load_dataset does.
Dataset load_row_files(const RowFiles& files, const std::string& split);

}  // namespace evalharness
