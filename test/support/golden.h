// What golden tests run on: figures under test/golden/, the real model and data from the environment.
#pragma once

#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "datasets/dataset.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/engine/model_scorer.h"
#include "test/support/home.h"

namespace evalharness {

inline std::vector<int32_t> ids_of(const Value& list) {
  std::vector<int32_t> ids;
  for (const Value& id : list.list()) ids.push_back(static_cast<int32_t>(id.integer()));
  return ids;
}

inline Value golden(const std::string& name) {
  const std::string path = home_path("test/golden/" + name);
  return parse_json(read_text(path), path);
}

// The value of an environment variable; where it is not set, says so aloud.
inline std::optional<std::string> required(const char* variable) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value != '\0') return value;
  std::cerr << "SKIPPED: " << variable << " is not set\n";
  return std::nullopt;
}

// Whether every split of the set is on this machine.
inline bool is_here(const std::string& dataset) {
  for (const DatasetInfo& info : list_datasets())
    if (info.name == dataset) return info.available;
  return false;
}

// All windows and documents of the goldens, not the first few: `./check --golden`.
inline bool all_goldens() { return std::getenv("EVALHARNESS_GOLDEN_ALL") != nullptr; }

// The default model, ready to answer.
struct RealModel {
  explicit RealModel(const std::string& path, Dtype dtype = Dtype::f32)
      : tokenizer(open_tokenizer(path)), model(load_model(*open_checkpoint(path), dtype)), backend(make_cpu_backend({})),
        transformer(model, *backend), scorer(transformer, *tokenizer, {}) {}

  std::unique_ptr<Tokenizer> tokenizer;
  Model model;
  std::unique_ptr<Backend> backend;
  Transformer transformer;
  ModelScorer scorer;
};

}  // namespace evalharness
