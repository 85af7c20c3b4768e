#include "harness/model/synthetic.h"

#include <algorithm>
#include <map>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/model/model_shape.h"

namespace evalharness {
namespace {

constexpr std::string_view kPrefix = "synthetic:";
// Keeps activations of a deep model finite: the usual spread of a trained weight.
constexpr float kSpread = 0.02f;

ModelConfig llama(size_t hidden, size_t intermediate, size_t layers, size_t heads, size_t kv_heads) {
  ModelConfig config;
  config.architecture = "llama";
  config.vocab = 32000;
  config.hidden = hidden;
  config.intermediate = intermediate;
  config.layers = layers;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_dim = hidden / heads;
  config.context = 4096;
  return config;
}

// TinyLlama 1.1B, OpenLLaMA 3B, LLaMA 7B and 13B.
const std::map<std::string, ModelConfig>& shapes() {
  static const std::map<std::string, ModelConfig> all = {{"llama-1b", llama(2048, 5632, 22, 32, 4)},
                                                         {"llama-3b", llama(3200, 8640, 26, 32, 32)},
                                                         {"llama-7b", llama(4096, 11008, 32, 32, 32)},
                                                         {"llama-13b", llama(5120, 13824, 40, 40, 40)}};
  return all;
}

class SyntheticCheckpoint final : public Checkpoint {
 public:
  SyntheticCheckpoint(std::string name, ModelConfig config, uint64_t seed)
      : name_(std::move(name)), config_(std::move(config)), seed_(seed) {}

  const ModelConfig& config() const override { return config_; }
  bool has(const std::string& name) const override { return !name.ends_with(".bias"); }
  std::string path() const override { return name_; }
  size_t file_bytes() const override { return 0; }

  Matrix read(const std::string& name) const override {
    const auto [rows, cols] = shape(name);
    Matrix w(rows, cols);
    if (rows == 1) {
      for (float& value : w.values()) value = 1;
      return w;
    }
    // Uniform: 7 * 10^9 of them are to be made while somebody waits.
    Rng rng(seed_, name);
    for (float& value : w.values())
      value = kSpread * (static_cast<float>(rng.next() >> 40) * 0x1p-23f - 1.0f);
    return w;
  }

 private:
  WeightShape shape(const std::string& name) const {
    const auto is = [&](const std::string& part) { return name.find(part) != std::string::npos; };
    if (is("embed_tokens") || is("lm_head")) return {config_.vocab, config_.hidden};
    if (is("norm")) return {1, config_.hidden};
    const auto linear = std::ranges::find_if(kLinears, [&](Linear l) { return is(linear_name(l)); });
    EH_ASSERT(linear != kLinears.end());
    return shape_in(config_, *linear);
  }

  std::string name_;
  ModelConfig config_;
  uint64_t seed_;
};

}  // namespace

bool is_synthetic(const std::string& name) { return name.starts_with(kPrefix); }

std::unique_ptr<Checkpoint> make_synthetic_checkpoint(const std::string& name) {
  const std::vector<std::string> parts = split(name.substr(kPrefix.size()), ":");
  const std::vector<std::string> names = keys_of(shapes());
  const auto found = shapes().find(parts[0]);
  if (found == shapes().end())
    fail(cat("unknown synthetic model '", parts[0], "'", did_you_mean(parts[0], names), "; there are: ", join(names, ", ")));
  uint64_t seed = 0;
  if (parts.size() > 2 || (parts.size() == 2 && (parts[1].empty() || parts[1].size() > 18 ||
                                                 parts[1].find_first_not_of("0123456789") != std::string::npos)))
    fail(cat("synthetic model: expected synthetic:NAME or synthetic:NAME:SEED, got '", name, "'"));
  if (parts.size() == 2) seed = std::stoull(parts[1]);
  return std::make_unique<SyntheticCheckpoint>(name, found->second, seed);
}

}  // namespace evalharness
