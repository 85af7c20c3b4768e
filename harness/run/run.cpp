#include "harness/run/run.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/parallel.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/calib/sampler.h"
#include "harness/measure/machine.h"
#include "harness/measure/memory.h"
#include "harness/model/synthetic.h"
#include "harness/run/evaluate.h"
#include "harness/run/lm_eval_log.h"
#include "harness/run/model_list.h"
#include "harness/run/speed.h"

namespace evalharness {
namespace {

constexpr const char* kNoCuda = "no CUDA backend in this build";

// What both variants share: opened and checked before any weight is read.
struct RunInputs {
  std::string model_path, model_hash;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<TaskData> data;  // of each task
  CalibrationSet calibration;
  std::string calibration_file_hash;
  bool calibration_sample = false;
};

RunInputs open_inputs(const RunConfig& config, const RunOptions& options) {
  RunInputs inputs;
  const DataOptions data_options{.offline = options.offline, .allow_sample = true};
  for (const RunTask& task : config.tasks) inputs.data.push_back(prepare_task(task, data_options));
  inputs.model_path = resolve_model(config.model, options.offline);
  inputs.checkpoint = open_checkpoint(inputs.model_path);
  const bool calibrates = std::ranges::any_of(config.methods, [](const MethodPtr& m) { return m->needs_calibration(); });
  if (is_synthetic(inputs.model_path)) {
    if (calibrates || !config.tasks.empty())
      fail(cat(config.model, ": a synthetic model has no tokenizer: it can be timed, not asked or calibrated"));
    return inputs;
  }
  inputs.tokenizer = open_tokenizer(inputs.model_path);
  inputs.model_hash = std::filesystem::is_directory(inputs.model_path) ? "" : sha256_of_file(inputs.model_path);
  if (calibrates) {
    const CalibrationConfig& c = config.calibration;
    const Dataset train = load_dataset(c.dataset, "train", data_options);
    inputs.calibration_file_hash = train.sha256;
    inputs.calibration_sample = train.sample;
    inputs.calibration = draw_from_documents(train.documents, *inputs.tokenizer, c.samples, c.length, c.seed);
  }
  return inputs;
}

Value calibration_details(const RunInputs& inputs, const CalibrationConfig& config) {
  Value details;
  details.set("dataset", config.dataset);
  details.set("sample", inputs.calibration_sample);  // the bundled documents, not the real set
  details.set("file_sha256", inputs.calibration_file_hash);
  details.set("tokens", inputs.calibration.tokens());
  details.set("token_sha256", inputs.calibration.token_hash());
  Value draws{Value::List{}};
  for (const CalibrationSet::Draw& draw : inputs.calibration.draws)
    draws.push(Value::List{Value(draw.document), Value(draw.start)});
  details.set("draws", std::move(draws));  // [document, start] of each sample
  return details;
}

Value run_context(const RunConfig& config, const RunInputs& inputs) {
  Value context = describe_machine();
  context.set("kernel_isa", isa_name(best_isa()));
  context.set("model_path", std::filesystem::path(inputs.model_path).filename().string());
  context.set("model_sha256", inputs.model_hash);
  context.set("tokenizer_sha256", inputs.tokenizer ? inputs.tokenizer->hash() : "");
  Value data, prompts;
  for (size_t t = 0; t < config.tasks.size(); ++t) {
    data.set(config.tasks[t].name, inputs.data[t].data.sha256);
    prompts.set(config.tasks[t].name, inputs.data[t].prompts_hash);
  }
  context.set("data_sha256", data.is_null() ? Value(Value::Map{}) : std::move(data));
  context.set("prompts_sha256", prompts.is_null() ? Value(Value::Map{}) : std::move(prompts));
  return context;
}

// Of everything that decides an answer: a journal of another run is refused.
std::string run_hash(const RunConfig& config, const Value& context) {
  Value key;
  for (const char* part : {"model", "dtype", "kv_cache", "gemm", "head", "compress", "calibration", "engine", "tasks"})
    if (const Value* value = config.resolved.find(part)) key.set(part, *value);
  for (const char* part : {"kernel_isa", "model_sha256", "tokenizer_sha256", "prompts_sha256"})
    if (const Value* value = context.find(part)) key.set(part, *value);
  return sha256_hex(to_json(key));
}

SizeReport size_report(const Model& model, uint64_t memory_bytes) {
  const WeightTotals all = model_totals(model), linears = linear_totals(model);
  const auto bits = [](const WeightTotals& t) { return 8.0 * static_cast<double>(t.bytes) / static_cast<double>(t.weights); };
  const auto zeros = [](const WeightTotals& t) { return 1.0 - static_cast<double>(t.nonzeros) / static_cast<double>(t.weights); };
  SizeReport size;
  size.disk_bytes = all.bytes;
  size.memory_bytes = memory_bytes;
  size.bits_per_weight = bits(all);
  size.bits_per_weight_linears = bits(linears);
  size.sparsity = zeros(all);
  size.sparsity_linears = zeros(linears);
  return size;
}

bool diverged(const RunResult& result) {
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      for (const auto& [name, task] : backend.tasks)
        for (const auto& [metric, estimate] : task.metrics)
          if (estimate.reason == "diverged") return true;
  return false;
}

// A run under way: what its stages share.
class Run {
 public:
  Run(const RunConfig& config, const RunOptions& options)
      : config_(config), options_(options), inputs_(open_inputs(config, options)),
        backend_(make_cpu_backend({.isa = best_isa(), .gemm = config.gemm})) {
    result_.name = config.name;
    result_.config = config.resolved;
    result_.context = run_context(config, inputs_);
    std::filesystem::create_directories(options.folder);
    journal_ = std::make_unique<Journal>(options.folder + "/journal.jsonl", run_hash(config, result_.context));
  }

  RunResult all() {
    try {
      stages();
      result_.status = diverged(result_) ? "diverged" : "ok";
    } catch (const Interrupted&) {
      result_.status = "interrupted";
    }
    save();
    return std::move(result_);
  }

 private:
  // A model on the backend. Variants are loaded one after the other, so that the peak memory of each is its
  // own; both together only where they are timed by turns.
  struct Loaded {
    Model model;
    std::unique_ptr<Transformer> runner;
  };

  std::unique_ptr<Loaded> load(bool compressed) {
    auto loaded = std::make_unique<Loaded>();
    {
      Progress progress(cat("loading ", config_.model), 0);
      loaded->model = load_model(*inputs_.checkpoint, config_.dtype);
    }
    if (compressed) {
      compress(loaded->model);
      store_head(loaded->model, config_.head);
    }
    loaded->runner = std::make_unique<Transformer>(loaded->model, *backend_, config_.kv_cache);
    return loaded;
  }

  void stages() {
    std::unique_ptr<Loaded> dense = load(false);
    for (const MethodPtr& method : config_.methods) method->check(dense->model);
    const std::vector<Evaluation> dense_quality = quality("dense", *dense->runner);
    std::unique_ptr<Loaded> compressed;
    if (config_.compresses()) {
      dense.reset();
      release_freed_memory();
      compressed = load(true);
      compare(dense_quality, quality("compressed", *compressed->runner));
    }
    if (config_.speed.empty()) return;
    if (!dense) dense = load(false);
    std::vector<Transformer*> runners = {dense->runner.get()};
    if (compressed) runners.push_back(compressed->runner.get());
    const std::vector<VariantSpeed> speeds = measure_speed(runners, config_.speed);
    for (size_t v = 0; v < runners.size(); ++v) {
      cpu_result(v).speed = speeds[v].speed;
      cpu_result(v).roofline = speeds[v].roofline;
    }
  }

  std::vector<Evaluation> quality(const std::string& name, Transformer& runner) {
    Variant& variant = result_.variants.emplace_back();
    variant.name = name;
    variant.size = size_report(runner.model(), runner.resident_bytes());
    variant.size.compression_ratio = static_cast<double>(result_.variants.front().size.disk_bytes) /
                                     static_cast<double>(variant.size.disk_bytes);
    for (const std::string& backend : config_.backends)
      variant.backends.push_back({.name = backend, .unavailable = backend == "cpu" ? "" : kNoCuda, .tasks = {}, .speed = {},
                                  .roofline = {}, .peak_memory_bytes = 0, .kernels = {}});
    std::vector<Evaluation> evaluations;
    if (std::ranges::find(config_.backends, "cpu") == config_.backends.end()) return evaluations;
    reset_peak_resident();
    BackendResult& cpu = cpu_result(result_.variants.size() - 1);
    cpu.kernels = runner.kernels();
    std::unique_ptr<ModelScorer> scorer;  // none for a model without a tokenizer, which is asked nothing
    if (inputs_.tokenizer) scorer = std::make_unique<ModelScorer>(runner, *inputs_.tokenizer, config_.engine);
    for (size_t t = 0; t < config_.tasks.size(); ++t) {
      const RunTask& task = config_.tasks[t];
      evaluations.push_back(evaluate(task, inputs_.data[t], *scorer, *journal_,
                                     {.variant = name, .backend = "cpu", .samples = samples_folder(name)}));
      check_windows(task, inputs_.data[t], evaluations.back());
      cpu.tasks[task.name] = evaluations.back().result;
      save();
    }
    cpu.peak_memory_bytes = peak_resident_bytes();
    if (!evaluations.empty()) write_lm_eval_results(name, evaluations);
    return evaluations;
  }

  std::string samples_folder(const std::string& variant) const { return cat(options_.folder, "/lm-eval/", variant); }

  void write_lm_eval_results(const std::string& variant, const std::vector<Evaluation>& evaluations) const {
    std::vector<LoggedTask> logged;
    for (size_t t = 0; t < evaluations.size(); ++t)
      logged.push_back({config_.tasks[t].task.get(), &evaluations[t].result, evaluations[t].samples_hash});
    std::filesystem::create_directories(samples_folder(variant));
    write_text(samples_folder(variant) + "/results.json", lm_eval_results(cat(config_.model, " ", variant), logged));
  }

  // 166 windows expected and 333 found is another corpus under the same name.
  void check_windows(const RunTask& task, const TaskData& data, const Evaluation& evaluation) const {
    if (!data.protocol || data.data.sample || data.protocol->kind != Protocol::Kind::kWindows) return;
    const auto expected = expected_windows(data.data, data.protocol->window, inputs_.tokenizer->hash());
    if (expected && *expected != evaluation.result.available)
      fail(cat("task ", task.name, ": ", *expected, " windows of ", data.protocol->window, " tokens expected, got ",
               evaluation.result.available, ": is this another corpus?"));
  }

  void compress(Model& model) {
    const Calibration calibration(inputs_.calibration, *backend_, [this](const std::string& slot) {
      return inputs_.checkpoint->read(slot + ".weight");
    });
    for (size_t i = 0; i < config_.methods.size(); ++i) {
      stop_if_interrupted();
      const auto start = std::chrono::steady_clock::now();
      StepReport step;
      step.method = config_.method_names[i];
      Report report = config_.methods[i]->compress(model, calibration);
      step.layers = std::move(report.layers);
      step.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      step.details = Value(Value::Map{});
      for (const auto& [what, count] : report.counts) step.details.set(what, count);
      if (config_.methods[i]->needs_calibration())
        step.details.set("calibration", calibration_details(inputs_, config_.calibration));
      result_.steps.push_back(std::move(step));
    }
  }

  void compare(const std::vector<Evaluation>& dense, const std::vector<Evaluation>& compressed) {
    for (size_t t = 0; t < dense.size(); ++t)
      for (PairResult& pair : compare_evaluations(config_.tasks[t], "cpu", dense[t], compressed[t]))
        result_.pairs.push_back(std::move(pair));
  }

  BackendResult& cpu_result(size_t variant) {
    for (BackendResult& backend : result_.variants[variant].backends)
      if (backend.name == "cpu") return backend;
    fail("backends: the CPU is the reference for every other backend and must be among them");
  }

  void save() const { write_text(options_.folder + "/record.json", to_json(result_)); }

  const RunConfig& config_;
  const RunOptions& options_;
  RunInputs inputs_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Journal> journal_;
  RunResult result_;
};

}  // namespace

std::string default_folder(const RunConfig& config) {
  const std::time_t now = std::time(nullptr);
  char time[32];
  std::strftime(time, sizeof time, "%Y%m%d-%H%M%S", std::localtime(&now));
  return cat("runs/", config.name, "-", time);
}

RunResult run(const RunConfig& config, const RunOptions& options) { return Run(config, options).all(); }

}  // namespace evalharness
