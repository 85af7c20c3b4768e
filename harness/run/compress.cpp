#include "harness/run/compress.h"

#include <filesystem>
#include <map>

#include "harness/base/clock.h"
#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/mapped_file.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/measure/memory.h"
#include "harness/model/packed.h"
#include "harness/model/synthetic.h"
#include "harness/ops/tree.h"

namespace evalharness {
namespace {

StepReport compress_step(Model& model, const RunConfig& config, size_t index,
                         const ModelInputs& inputs, const Calibration& calibration) {
  const double start = steady_seconds();
  const double passes = calibration.passes();
  reset_peak_resident();
  const Method& method = *config.methods[index];
  StepReport step;
  step.method = config.method_names[index];
  Report report = method.compress(model, calibration);
  step.layers = std::move(report.layers);
  step.seconds = steady_seconds() - start;
  step.passes = calibration.passes() - passes;
  step.peak_memory_bytes = peak_resident_bytes();
  const WeightTotals linears = linear_totals(model);
  step.bits_per_weight = linears.bits_per_weight();
  step.sparsity = linears.sparsity();
  step.details = Value(Value::Map{});
  for (const auto& [what, count] : report.counts) step.details.set(what, count);
  if (method.needs_calibration())
    step.details.set("calibration", calibration_details(inputs, config.calibration));
  return step;
}

Variant sized_variant(const std::string& name, const Model& model) {
  Variant variant;
  variant.name = name;
  variant.size = size_report(model, 0);
  return variant;
}

void check_can_be_saved(const RunConfig& config, const ModelInputs& inputs,
                        const std::string& folder) {
  if (!config.compresses())
    fail(cat(config.name, ": neither compress: nor head:, so there is nothing to save"));
  if (is_synthetic(inputs.path))
    fail(cat(config.model, ": a synthetic model can be timed, not saved"));
  if (std::filesystem::exists(folder + "/config.json"))
    fail(cat(folder, ": holds a model already; name another --out"));
}

void save(const Model& model, const ModelInputs& inputs, const std::string& folder) {
  std::filesystem::create_directories(folder);
  save_tokenizer(inputs.path, folder);
  EH_ASSERT(open_tokenizer(folder)->hash() == inputs.tokenizer->hash());
  save_packed(model, {inputs.dense_name, inputs.dense_hash}, folder);
}

}  // namespace

void check_methods(const Checkpoint& checkpoint, const RunConfig& config) {
  if (config.methods.empty()) return;
  PipelineStep first{"what the model went through", {}};
  ModelShape shape = dense_shape(checkpoint.config(), config.dtype);
  if (checkpoint.dtype()) {
    const Model packed = load_model(checkpoint, config.dtype);
    first.effects = effects_on(packed);
    shape = shape_of(packed);
  }
  std::vector<PipelineStep> before = {first};
  for (size_t i = 0; i < config.methods.size(); ++i) {
    before.push_back({config.method_names[i], config.methods[i]->effects()});
    if (const std::string error = order_error(std::span(before).first(i + 1), before.back()); !error.empty())
      fail(cat(before.back().name, ": ", error));
    config.methods[i]->check(shape);
    shape = config.methods[i]->after(std::move(shape));
  }
}

std::vector<StepReport> compress_model(Model& model, const RunConfig& config,
                                       const ModelInputs& inputs, const Backend& backend) {
  std::map<std::string, LinearPtr> before_pruning;  // by slot
  const Calibration calibration(inputs.calibration, backend, [&](const std::string& slot) {
    return before_pruning.at(slot)->to_dense();
  });
  std::vector<StepReport> steps;
  for (size_t i = 0; i < config.methods.size(); ++i) {
    stop_if_interrupted();
    // What steps before it have found out is known only now.
    config.methods[i]->check(shape_of(model));
    if (i + 1 < config.methods.size() && config.methods[i + 1]->effects().refines && !config.methods[i]->effects().refines)
      for (const Block& block : model.blocks)
        for (const Slot& slot : block.slots) before_pruning[slot.name] = copy_of(*slot.op);
    steps.push_back(compress_step(model, config, i, inputs, calibration));
  }
  store_head(model, config.head, *inputs.checkpoint);
  return steps;
}

SizeReport size_report(const Model& model, uint64_t memory_bytes) {
  const WeightTotals all = model_totals(model), linears = linear_totals(model);
  SizeReport size;
  size.disk_bytes = all.bytes;
  size.memory_bytes = memory_bytes;
  size.bits_per_weight = all.bits_per_weight();
  size.bits_per_weight_linears = linears.bits_per_weight();
  size.sparsity = all.sparsity();
  size.sparsity_linears = linears.sparsity();
  return size;
}

double compression_ratio(const SizeReport& dense, const SizeReport& compressed) {
  return static_cast<double>(dense.disk_bytes) / static_cast<double>(compressed.disk_bytes);
}

RunResult packed_record(const std::string& folder) {
  const std::string path = folder + "/record.json";
  RunResult record = run_result_from_json(read_text(path), path);
  if (record.variants.size() != 2)
    fail(cat(path, ": expected the variants dense and compressed, got ", record.variants.size()));
  return record;
}

RunResult compress(const RunConfig& config, const RunOptions& options) {
  const ModelInputs inputs = open_model_inputs(config, options.offline);
  check_can_be_saved(config, inputs, options.folder);
  const auto backend = make_cpu_backend({.isa = best_isa(), .gemm = config.gemm});
  RunResult result;
  result.name = config.name;
  result.config = config.resolved;
  result.context = run_context(config, inputs, {});
  Model model = load_model(*inputs.checkpoint, config.dtype);
  if (inputs.packed) {
    const RunResult made = packed_record(inputs.path);
    result.steps = made.steps;
    result.variants.push_back(made.variants.front());
  } else {
    result.variants.push_back(sized_variant("dense", model));
  }
  for (StepReport& step : compress_model(model, config, inputs, *backend))
    result.steps.push_back(std::move(step));
  result.variants.push_back(sized_variant("compressed", model));
  result.variants[1].size.compression_ratio =
      compression_ratio(result.variants[0].size, result.variants[1].size);
  save(model, inputs, options.folder);
  result.status = "ok";
  write_text(options.folder + "/record.json", to_json(result));
  return result;
}

}  // namespace evalharness
