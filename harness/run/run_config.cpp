#include "harness/run/run_config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/calib/sampler.h"

namespace evalharness {
namespace {

void apply(ConfigNode& root, const RunOverrides& overrides) {
  for (const std::string& assignment : overrides.set) {
    const size_t equals = assignment.find('=');
    if (equals == 0 || equals == std::string::npos)
      fail(cat("--set: expected key=value, got '", assignment, "'"));
    root.set(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
}

void read_methods(const ConfigNode& root, RunConfig& config) {
  const auto steps = root.find("compress");
  if (!steps) return;
  std::vector<PipelineStep> before;
  for (const ConfigNode& step : steps->items()) {
    MethodPtr method = make_method(step);
    PipelineStep next{step.at("method").as_string(), method->effects()};
    if (const std::string error = order_error(before, next); !error.empty()) step.fail_at("method", cat(next.name, ": ", error));
    if (method->needed_samples() > config.calibration.samples)
      step.fail(cat(next.name, ": looks at ", method->needed_samples(), " samples of calibration.samples: ", config.calibration.samples));
    config.methods.push_back(std::move(method));
    config.method_names.push_back(next.name);
    before.push_back(std::move(next));
  }
}

CalibrationConfig read_calibration(const ConfigNode& root) {
  CalibrationConfig calibration;
  const auto node = root.find("calibration");
  if (!node) return calibration;
  calibration.dataset = node->get_one_of("dataset", calibration_datasets(), calibration.dataset);
  calibration.samples = node->get("samples", calibration.samples);
  calibration.length = node->get("length", calibration.length);
  calibration.seed = node->get("seed", size_t{0});
  if (calibration.samples == 0) node->fail_at("samples", "expected at least 1, got 0");
  if (calibration.length < 2) node->fail_at("length", cat("expected at least 2, got ", calibration.length));
  return calibration;
}

std::map<std::string, Limit> read_limits(const ConfigNode& root) {
  std::map<std::string, Limit> limits;
  if (const auto node = root.find("limits"))
    for (const std::string& key : node->keys()) limits[key] = Limit::parse(node->at(key).as_string(), node->at(key).place());
  return limits;
}

// One entry of `tasks`: a task, or those of a group or tag.
TaskSet tasks_named(const ConfigNode& node, const TaskOptions& options) {
  try {
    return make_tasks(node.as_string(), options);
  } catch (const Error& error) {
    // A mistake inside the task's file names its own place; a task that is not there is a mistake here.
    const std::string text = error.what();
    if (text.starts_with("unknown task") || text.starts_with("cannot read '")) node.fail(text);
    throw;
  }
}

// Of a task: its own, else that of the smallest group that holds it and has one.
Limit limit_of(const std::string& task, const TaskSet& set, const std::map<std::string, Limit>& limits) {
  if (const auto own = limits.find(task); own != limits.end()) return own->second;
  for (const TaskGroup& group : set.groups)
    if (std::ranges::find(group.tasks, task) != group.tasks.end())
      if (const auto found = limits.find(group.name); found != limits.end()) return found->second;
  return {};
}

void read_tasks(const ConfigNode& root, const RunOverrides& overrides, RunConfig& config) {
  const std::map<std::string, Limit> limits = read_limits(root);
  const bool keyed = root.get_one_of("fewshot", {"sequential", "keyed"}, "sequential") == "keyed";
  std::set<std::string> names;
  if (const auto tasks = root.find("tasks")) {
    for (const ConfigNode& node : tasks->items()) {
      TaskSet set = tasks_named(node, {.keyed_fewshot = keyed});
      for (TaskPtr& task : set.tasks) {
        const std::string name = task->info().name;
        if (!names.insert(name).second) node.fail(cat("task '", name, "' is listed twice"));
        Limit limit;
        if (!overrides.limit.empty())
          limit = Limit::parse(overrides.limit.front(), "--limit");
        else if (!overrides.full)
          limit = limit_of(name, set, limits);
        config.tasks.push_back({name, std::move(task), limit});
      }
      for (TaskGroup& group : set.groups) {
        if (!names.insert(group.name).second) node.fail(cat("group '", group.name, "' is listed twice"));
        config.groups.push_back(std::move(group));
      }
    }
  }
  const std::vector<std::string> known(names.begin(), names.end());
  for (const auto& [name, limit] : limits)
    if (!names.contains(name))
      root.at("limits").fail_at(name, cat("no such task in tasks", did_you_mean(name, known)));
}

// Whatever --limit and --full made of the config's own.
Value limits_in_force(const RunConfig& config) {
  Value limits{Value::Map{}};
  for (const RunTask& task : config.tasks) limits.set(task.name, task.limit.random ? Value(task.limit.text()) : Value(task.limit.count));
  return limits;
}

// `chat_template`, or by lm-evaluation-harness's name `apply_chat_template`: true, or the name of one
// of several.
ChatConfig read_chat(const ConfigNode& root) {
  ChatConfig chat;
  const auto theirs = root.find("apply_chat_template");
  const auto ours = root.find("chat_template");
  if (theirs && ours) theirs->fail("the same as chat_template; one of the two is enough");
  if (const auto& given = ours ? ours : theirs) {
    const Value value = given->to_value();
    chat.template_wanted = value.is_string() || (value.is_bool() && value.boolean());
    if (value.is_string()) chat.template_name = value.string();
    else if (!value.is_bool()) given->fail("expected true, false or the name of a template");
  }
  chat.system_instruction = root.get("system_instruction", "");
  if (const auto turns = root.find("fewshot_as_multiturn")) {
    chat.fewshot_as_multiturn = turns->as_bool();
    if (!chat.template_wanted) turns->fail("expected chat_template beside it: plain text has no turns");
  }
  return chat;
}

SpeedConfig read_speed(const ConfigNode& node) {
  SpeedConfig speed;
  speed.decode = node.has("decode");
  if (speed.decode == node.has("prefill")) node.fail("expected either prefill: TOKENS or decode: TOKENS");
  speed.tokens = node.at(speed.decode ? "decode" : "prefill").as_count();
  speed.context = node.get("context", size_t{0});
  speed.batch = node.get("batch", size_t{1});
  if (speed.tokens == 0) node.fail_at(speed.phase(), "expected at least 1 token, got 0");
  if (speed.batch == 0) node.fail_at("batch", "expected at least 1, got 0");
  node.reject_unread();
  return speed;
}

std::vector<std::string> read_backends(const ConfigNode& root) {
  const auto list = root.find("backends");
  if (!list) return {"cpu"};
  std::vector<std::string> names;
  const std::vector<std::string> known = {"cpu", "cuda"};
  for (const ConfigNode& node : list->items()) {
    const std::string name = node.as_string();
    if (std::ranges::find(known, name) == known.end())
      node.fail(cat("expected one of cpu, cuda, got '", name, "'", did_you_mean(name, known)));
    names.push_back(name);
  }
  return names;
}

EngineOptions read_engine(const ConfigNode& root) {
  EngineOptions engine;
  const auto node = root.find("engine");
  if (!node) return engine;
  engine.batch_tokens = node->get("batch_tokens", engine.batch_tokens);
  engine.generation_tokens = node->get("generation_tokens", engine.generation_tokens);
  engine.max_length = node->get("max_length", engine.max_length);
  return engine;
}

std::string read_judge(const ConfigNode& root, const RunConfig& config) {
  const auto node = root.find("judge");
  if (!node) return "";
  const bool judged = std::ranges::any_of(config.tasks, [](const RunTask& t) { return t.task->info().agreement; });
  if (!judged) node->fail("expected a task of output_type agreement among tasks, whose answers are judged");
  return node->as_string();
}

}  // namespace

RunConfig read_run_config(const std::string& path, const RunOverrides& overrides) {
  return read_run_config(ConfigNode::load(path), std::filesystem::path(path).stem().string(), overrides);
}

RunConfig read_run_config(ConfigNode root, const std::string& name, const RunOverrides& overrides) {
  apply(root, overrides);
  RunConfig config;
  config.name = name;
  config.model = root.at("model").as_string();
  config.dtype = dtype_named(root.get_one_of("dtype", {"bf16", "f32"}, "bf16"));
  config.kv_cache = dtype_named(root.get_one_of("kv_cache", {"bf16", "f16", "f32"}, dtype_name(config.dtype)));
  config.gemm = gemm_library(root.get_one_of("gemm", kGemmNames, kGemmNames.front()));
  config.head = root.get_one_of("head", kHeadNames, kHeadNames.front());
  if (config.head == dtype_name(config.dtype)) root.fail_at("head", cat("expected another type than the model's dtype, got '", config.head, "'"));
  config.calibration = read_calibration(root);
  read_methods(root, config);
  read_tasks(root, overrides, config);
  config.chat = read_chat(root);
  config.backends = read_backends(root);
  if (const auto speed = root.find("speed"))
    for (const ConfigNode& node : speed->items()) config.speed.push_back(read_speed(node));
  config.engine = read_engine(root);
  config.judge = read_judge(root, config);
  root.reject_unread();
  config.resolved = root.resolved();
  config.resolved.set("limits", limits_in_force(config));
  return config;
}

}  // namespace evalharness
