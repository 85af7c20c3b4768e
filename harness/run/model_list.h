// Models by name (configs/models.yaml), and the way from a name or a path to something that can be
// loaded.
#pragma once

#include <string>
#include <vector>

#include "datasets/fetch.h"

namespace evalharness {

struct ModelEntry {
  std::string name, description, citation, licence;
  FileSpec file;
};

// Of home_directory()/configs/models.yaml, in its order.
std::vector<ModelEntry> list_models();

// Path of a model. A listed name is fetched into the cache if it is not there; else `name_or_path`
// is a file or a folder that exists. Fails with "unknown model 'smolm2-135m' (did you mean
// 'smollm2-135m'?)".
std::string resolve_model(const std::string& name_or_path, bool offline);
// The same where it is on this machine, else "": nothing is fetched and nothing fails.
std::string find_model(const std::string& name_or_path);

// Of a file its sha256; of a folder one over the names and sums of all that a model is made of.
std::string model_hash(const std::string& path);

}  // namespace evalharness
