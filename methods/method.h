// A compression method: a name, options read from the config, and one function from a model to a smaller one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/config_node.h"
#include "harness/calib/calibration.h"
#include "harness/model/model.h"

namespace evalharness {

// What a method did: to each layer, and what else there is to count ("dead columns", "damped again").
struct Report {
  std::vector<LayerReport> layers;
  std::map<std::string, size_t> counts;

  Report(std::vector<LayerReport> of_layers, std::map<std::string, size_t> counted = {})
      : layers(std::move(of_layers)), counts(std::move(counted)) {}
};

class Method {
 public:
  virtual ~Method() = default;
  // Fails, before anything runs, on a model that the method cannot treat: names the layer and the nearest
  // option that would do.
  virtual void check(const Model& model) const = 0;
  virtual bool needs_calibration() const = 0;
  // Changes the model's slots. Deterministic: same model, calibration set and options, same bytes.
  virtual Report compress(Model& model, const Calibration& calibration) const = 0;
};
using MethodPtr = std::unique_ptr<Method>;

struct MethodInfo {
  std::string name, summary;
};

// Reads `method:` and that method's own options; unread keys fail. An unknown name fails with the nearest.
MethodPtr make_method(const ConfigNode& node);
std::vector<MethodInfo> list_methods();  // by name

namespace detail {
using MethodFactory = MethodPtr (*)(const ConfigNode&);
void register_method(const char* name, const char* summary, MethodFactory factory);
}  // namespace detail

// const Register<Wanda> wanda_registration("wanda", "prune by |weight| * norm of its input");
template <class T>
struct Register {
  Register(const char* name, const char* summary) {
    detail::register_method(name, summary,
                            [](const ConfigNode& options) -> MethodPtr { return std::make_unique<T>(options); });
  }
};

}  // namespace evalharness
