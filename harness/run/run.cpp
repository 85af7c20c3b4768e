#include "harness/run/run.h"

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/engine/pair_scorer.h"
#include "harness/measure/machine.h"
#include "harness/measure/memory.h"
#include "harness/run/agreement.h"
#include "harness/run/answer_cache.h"
#include "harness/run/compress.h"
#include "harness/run/groups.h"
#include "harness/run/lm_eval_log.h"
#include "harness/run/speed.h"

namespace evalharness {
namespace {

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
      : config_(config),
        options_(options),
        inputs_(open_model_inputs(config, options.offline)),  // which tells the tasks of the model's template
        data_(prepare_tasks(config, inputs_, options.offline)),
        backend_(make_cpu_backend({.isa = best_isa(), .gemm = config.gemm})),
        answers_(options.answers) {
    result_.name = config.name;
    result_.config = config.resolved;
    result_.context = run_context(config, inputs_, data_);
    std::filesystem::create_directories(options.folder);
    journal_ = std::make_unique<Journal>(options.folder + "/journal.jsonl", run_hash(result_.config, result_.context));
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

  Model read(const Checkpoint& checkpoint) const {
    Progress progress(cat("loading ", checkpoint.path()), 0);
    return load_model(checkpoint, config_.dtype);
  }
  std::unique_ptr<Loaded> bind(Model model) const {
    auto loaded = std::make_unique<Loaded>();
    loaded->model = std::move(model);
    loaded->runner = std::make_unique<Transformer>(loaded->model, *backend_, config_.kv_cache);
    return loaded;
  }
  std::unique_ptr<Loaded> load_dense() const { return bind(read(*inputs_.dense())); }
  std::unique_ptr<Loaded> load_compressed() {
    Model model = read(*inputs_.checkpoint);
    for (StepReport& step : compress_model(model, config_, inputs_, *backend_)) result_.steps.push_back(std::move(step));
    return bind(std::move(model));
  }

  void stages() {
    std::unique_ptr<Loaded> dense, compressed;
    std::vector<Evaluation> dense_quality;
    if (inputs_.packed) recall_packing();
    if (inputs_.dense() != nullptr) {
      dense = load_dense();
      dense_quality = quality(add_variant("dense", *dense->runner), *dense->runner);
    }
    if (inputs_.packed || config_.compresses()) {
      dense.reset();
      release_freed_memory();
      compressed = load_compressed();
      compare(dense_quality, quality(add_variant("compressed", *compressed->runner), *compressed->runner));
    }
    agree(dense, compressed.get());
    if (config_.speed.empty()) return;
    if (inputs_.dense() != nullptr && !dense) dense = load_dense();
    speed(dense ? dense->runner.get() : nullptr, compressed ? compressed->runner.get() : nullptr);
  }

  // How a packed model was made; and where its original is not here, a dense variant of the size that it had then,
  // with the reason why it says nothing else.
  void recall_packing() {
    const RunResult made = packed_record(inputs_.path);
    result_.steps = made.steps;
    if (inputs_.dense() != nullptr) return;
    result_.variants.push_back(made.variants.front());
    for (const std::string& backend : config_.backends)
      result_.variants.back().backends.push_back(empty_result(backend, inputs_.no_original));
  }

  Variant& add_variant(const std::string& name, const Transformer& runner) {
    Variant& variant = result_.variants.emplace_back();
    variant.name = name;
    variant.size = size_report(runner.model(), runner.resident_bytes());
    variant.size.compression_ratio = compression_ratio(result_.variants.front().size, variant.size);
    for (const std::string& backend : config_.backends)
      variant.backends.push_back(empty_result(backend, backend == "cpu" ? "" : "no CUDA backend in this build"));
    return variant;
  }
  static BackendResult empty_result(const std::string& backend, const std::string& unavailable) {
    BackendResult result;
    result.name = backend;
    result.unavailable = unavailable;
    return result;
  }

  std::vector<Evaluation> quality(Variant& variant, Transformer& runner) {
    std::vector<Evaluation> evaluations;
    if (std::ranges::find(config_.backends, "cpu") == config_.backends.end()) return evaluations;
    reset_peak_resident();
    BackendResult& cpu = cpu_result(variant);
    cpu.kernels = runner.kernels();
    std::unique_ptr<ModelScorer> scorer;  // none for a model without a tokenizer, which is asked nothing
    if (inputs_.tokenizer) scorer = std::make_unique<ModelScorer>(runner, *inputs_.tokenizer, config_.engine);
    bool recalled = false;  // any answer without the work that it takes
    for (size_t t = 0; t < config_.tasks.size(); ++t) {
      const RunTask& task = config_.tasks[t];
      const JournalKey key{.variant = variant.name, .backend = "cpu", .task = task.name};
      const bool cached = variant.name == "dense" && answers_.recall(dense_key(t), key, *journal_);
      evaluations.push_back(evaluate(task, data_[t], *scorer, *journal_,
                                     {.variant = variant.name, .backend = "cpu", .samples = samples_folder(variant.name),
                                      .place = config_.tasks.size() > 1 ? cat(t + 1, "/", config_.tasks.size()) : ""}));
      check_windows(task, data_[t], evaluations.back());
      if (variant.name == "dense") answers_.keep(dense_key(t), key, *journal_);
      cpu.tasks[task.name] = evaluations.back().result;
      if (cached) cpu.tasks[task.name].seconds = 0, recalled = true;
      save();
    }
    if (!recalled) cpu.peak_memory_bytes = peak_resident_bytes();
    for (const Evaluation& evaluation : evaluations) samples_hashes_[variant.name].push_back(evaluation.samples_hash);
    if (!evaluations.empty()) sum_up(variant);
    return evaluations;
  }

  std::string samples_folder(const std::string& variant) const { return cat(options_.folder, "/lm-eval/", variant); }

  // What all tasks gave together: groups, and results in lm-evaluation-harness's form.
  void sum_up(Variant& variant) const {
    BackendResult& cpu = cpu_result(variant);
    cpu.groups = group_results(config_.groups, cpu.tasks);
    std::vector<LoggedTask> tasks;
    for (size_t t = 0; t < config_.tasks.size(); ++t)
      tasks.push_back({config_.tasks[t].task.get(), &cpu.tasks.at(config_.tasks[t].name), samples_hashes_.at(variant.name)[t]});
    std::vector<LoggedGroup> groups;
    for (const TaskGroup& group : config_.groups) groups.push_back({&group, &cpu.groups.at(group.name).total});
    std::filesystem::create_directories(samples_folder(variant.name));
    write_text(samples_folder(variant.name) + "/results.json",
               lm_eval_results(cat(config_.model, " ", variant.name), tasks, groups));
  }

  // Of everything that decides the dense model's answers to a task.
  std::string dense_key(size_t task) const {
    Value key;
    for (const char* part : {"dtype", "kv_cache", "gemm", "engine"})
      if (const Value* value = config_.resolved.find(part)) key.set(part, *value);
    key.set("model", inputs_.dense_hash);
    key.set("tokenizer", inputs_.tokenizer->hash());
    key.set("isa", isa_name(best_isa()));
    key.set("prompts", data_[task].prompts_hash);
    key.set("task", config_.tasks[task].name);
    key.set("program", program_hash());
    return sha256_hex(to_json(key));
  }

  // 166 windows expected and 333 found is another corpus under the same name.
  void check_windows(const RunTask& task, const TaskData& data, const Evaluation& evaluation) const {
    if (!data.protocol || data.data.sample || data.protocol->kind != Protocol::Kind::kWindows) return;
    const auto expected = expected_windows(data.data, data.protocol->window, inputs_.tokenizer->hash());
    if (expected && *expected != evaluation.result.available)
      fail(cat("task ", task.name, ": ", *expected, " windows of ", data.protocol->window, " tokens expected, got ",
               evaluation.result.available, ": is this another corpus?"));
  }

  void compare(const std::vector<Evaluation>& dense, const std::vector<Evaluation>& compressed) {
    for (size_t t = 0; t < dense.size(); ++t)
      for (PairResult& pair : compare_evaluations(config_.tasks[t], "cpu", dense[t], compressed[t]))
        result_.pairs.push_back(std::move(pair));
    if (dense.empty()) return;
    for (PairResult& pair : compare_groups(config_, config_.groups, dense, compressed))
      result_.pairs.push_back(std::move(pair)), result_.pairs.back().backend = "cpu";
  }

  // Answers of the two models against each other; loads the dense one where it is not, as for speed.
  void agree(std::unique_ptr<Loaded>& dense, Loaded* compressed) {
    Value judges;  // what the record says of each task's judge
    for (size_t t = 0; t < config_.tasks.size(); ++t) {
      const RunTask& task = config_.tasks[t];
      if (!task.task->info().agreement) continue;
      TaskResult& result = cpu_result(result_.variants.back()).tasks[task.name];
      if (compressed == nullptr || inputs_.dense() == nullptr) {
        leave_agreement_empty(compressed == nullptr ? "nothing is compressed" : inputs_.no_original, result);
        continue;
      }
      if (!dense) dense = load_dense();
      PairScorer pair(*dense->runner, *compressed->runner, *inputs_.tokenizer, config_.engine);
      const Value judged = measure_agreement(
          task, data_[t], pair, *journal_, {.backend = "cpu", .judge = config_.judge, .folder = options_.folder}, result);
      if (!judged.is_null()) judges.set(task.name, judged);
      if (!judges.is_null()) result_.context.set("judges", judges);
    }
    if (std::ranges::none_of(config_.tasks, [](const RunTask& task) { return task.task->info().agreement; })) return;
    sum_up(result_.variants.back());
    save();
  }

  // Both by turns where there are two; null: there is no such model.
  void speed(Transformer* dense, Transformer* compressed) {
    std::vector<Transformer*> runners;
    std::vector<Variant*> variants;
    for (Variant& variant : result_.variants) {
      Transformer* const runner = variant.name == "dense" ? dense : compressed;
      if (runner == nullptr) continue;
      runners.push_back(runner);
      variants.push_back(&variant);
    }
    const std::vector<VariantSpeed> speeds = measure_speed(runners, config_.speed);
    for (size_t v = 0; v < runners.size(); ++v) {
      BackendResult& cpu = cpu_result(*variants[v]);
      cpu.speed = speeds[v].speed;
      cpu.roofline = speeds[v].roofline;
      if (dense == nullptr)
        for (SpeedResult& result : cpu.speed) result.speedup = result.roofline_speedup = Estimate::missing(inputs_.no_original);
    }
  }

  static BackendResult& cpu_result(Variant& variant) {
    for (BackendResult& backend : variant.backends)
      if (backend.name == "cpu") return backend;
    fail("backends: the CPU is the reference for every other backend and must be among them");
  }

  void save() const { write_text(options_.folder + "/record.json", to_json(result_)); }

  const RunConfig& config_;
  const RunOptions& options_;
  ModelInputs inputs_;
  std::vector<TaskData> data_;
  std::unique_ptr<Backend> backend_;
  AnswerCache answers_;
  std::unique_ptr<Journal> journal_;
  std::map<std::string, std::vector<std::string>> samples_hashes_;  // variant -> of each task's sample log
  RunResult result_;
};

}  // namespace

std::string run_hash(const Value& config, const Value& context) {
  Value key;
  for (const char* part : {"model", "dtype", "kv_cache", "gemm", "head", "compress", "calibration", "engine", "tasks"})
    if (const Value* value = config.find(part)) key.set(part, *value);
  for (const char* part : {"kernel_isa", "model_sha256", "tokenizer_sha256", "calibration_sha256", "prompts_sha256"})
    if (const Value* value = context.find(part)) key.set(part, *value);
  return sha256_hex(to_json(key));
}

std::string default_folder(const RunConfig& config) {
  const std::time_t now = std::time(nullptr);
  char time[32];
  std::strftime(time, sizeof time, "%Y%m%d-%H%M%S", std::localtime(&now));
  return cat("runs/", config.name, "-", time);
}

RunResult run(const RunConfig& config, const RunOptions& options) { return Run(config, options).all(); }

}  // namespace evalharness
