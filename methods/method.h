// A compression method: a name, options read from the config, and one function from a model to a smaller one.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/base/config_node.h"
#include "harness/calib/calibration.h"
#include "harness/model/model.h"
#include "harness/model/model_shape.h"

namespace evalharness {

// What a method did: to each layer, and what else there is to count ("dead columns", "damped again").
struct Report {
  std::vector<LayerReport> layers;
  std::map<std::string, size_t> counts;

  Report(std::vector<LayerReport> of_layers, std::map<std::string, size_t> counted = {})
      : layers(std::move(of_layers)), counts(std::move(counted)) {}
};

// What a method does to weights, for what may come behind what.
struct Effects {
  bool whole = false;    // treats weights that are one matrix: not what is made of others
  bool prunes = false;
  bool refines = false;  // another mask for what the step before it pruned
  bool splits = false;   // into factors, in place of what the weight was
  bool rounds = false;   // weights become codes
  bool rounds_inputs = false;
  bool wraps = false;    // rounds or scales inputs on their way to a weight: it is a tree from then on
};

class Method {
 public:
  virtual ~Method() = default;
  virtual Effects effects() const = 0;
  // Fails, before anything runs, on a model that the method cannot treat: names the layer and the nearest
  // option that would do.
  virtual void check(const ModelShape& shape) const = 0;
  // The sizes that compress() leaves, for the checks of the steps behind; as they were where they are not known before.
  virtual ModelShape after(ModelShape shape) const { return shape; }
  virtual bool needs_calibration() const = 0;
  // Samples that the method looks at closely, beside walks over all of them.
  virtual size_t needed_samples() const { return 0; }
  // Changes the model's slots. Deterministic: same model, calibration set and options, same bytes.
  virtual Report compress(Model& model, const Calibration& calibration) const = 0;
};
using MethodPtr = std::unique_ptr<Method>;

// A method in a pipeline, or, as the first of them, what a model that is compressed already went through.
struct PipelineStep {
  std::string name;
  Effects effects;
};
Effects effects_on(const Model& model);
// Why a step cannot come behind those before it; "" where it can.
std::string order_error(std::span<const PipelineStep> before, const PipelineStep& step);

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
