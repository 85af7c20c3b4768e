// What a datasets/<name>.yaml says, read once and checked.
//
//     name: gsm8k
//     description: grade-school word problems
//     citation: Cobbe et al. 2021 (arXiv:2110.14168)
//     licence: MIT
//     huggingface: [{path: openai/gsm8k, config: main}]
//     splits:
//       test:
//         format: jsonl
//         fields: [question, answer]          # every row has them, after `reshape`
//         files:                              # in order of preference
//           - {path: gsm8k/test.jsonl, sha256: 3730.., rows: 1319, bytes: 749738, sources:
//           [https://..]}
//         sample: {path: gsm8k/test.jsonl}    # under datasets/samples/
//         # columns that all documents have alike, from the first row of another split:
//         common: {split: shots, columns: {_description: description}}
//
// A dataset of several parts (bbh) has `parts: {navigate: {splits...}}` instead of `splits`, and
// its huggingface entries say `config: "*"`: the config name is the part.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/fetch.h"

namespace evalharness {

// A field of a document made from the fields of a row; see reshape() in loaders.h.
struct Projection {
  std::string field;   // of the document
  std::string how;     // "copy", "columns", "labelled", "letter", "integer"
  std::string source;  // of the row, "question.stem" for a nested one
};

struct DataFile {
  FileSpec file;       // name = path relative to EVALHARNESS_DATA
  std::string format;  // see loaders.h
  size_t rows = 0;     // 0: not checked (samples)
  std::string subset;
  std::vector<Projection> reshape;  // empty: rows are documents
  std::vector<FileSpec> labels;     // none or one: a file with one label a line, read into `label`
  std::map<std::string, std::map<size_t, size_t>> windows;  // tokenizer hash -> window -> count
};

// Columns that all documents of a split have alike: column -> column of the first row of `split`.
struct CommonColumns {
  std::string split;
  std::map<std::string, std::string> columns;
};

struct DataSplit {
  std::string name;
  std::vector<std::string> fields;
  std::vector<DataFile> files;    // of real data
  std::vector<DataFile> samples;  // none or one
  std::optional<CommonColumns> common;
};

struct HubName {
  std::string path, config;  // config "": any, "*": names the part
};

struct DatasetPart {
  std::string name;  // "piqa", "bbh/navigate"
  std::vector<DataSplit> splits;
};

struct Manifest {
  std::string name, description, citation, licence;
  std::vector<HubName> huggingface;
  std::vector<DatasetPart> parts;  // one, with the manifest's name, unless it has `parts`
};

Manifest read_manifest(const std::string& path);
// Of home_directory()/datasets, sorted by name.
std::vector<Manifest> read_manifests();

}  // namespace evalharness
