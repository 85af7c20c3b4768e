#include "harness/run/plan.h"

#include <algorithm>

#include "harness/base/text.h"
#include "harness/engine/encode.h"
#include "harness/model/checkpoint.h"
#include "harness/model/model_shape.h"
#include "harness/model/packed.h"
#include "harness/run/compress.h"
#include "harness/run/evaluate.h"
#include "harness/run/inputs.h"
#include "harness/run/model_list.h"

namespace evalharness {
namespace {

struct TaskPlan {
  size_t requests = 0, tokens = 0, generated = 0;
};

size_t rolling_tokens(const Rolling& rolling, const Tokenizer& tokenizer, size_t max_length) {
  const size_t tokens = encode_prompt(tokenizer, rolling.text).size();
  const size_t window = rolling.protocol.window == 0 ? max_length : rolling.protocol.window;
  const size_t windows = window_count(tokens, rolling.protocol, max_length);
  const size_t limit = rolling.protocol.max_windows;
  return std::min(tokens, (limit > 0 ? std::min(limit, windows) : windows) * window);
}

void add_request(const Request& request, const Tokenizer& tokenizer, size_t max_length, TaskPlan& plan) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) {
    plan.tokens += encode_pair(tokenizer, *pair, max_length).inputs.size();
  } else if (const auto* rolling = std::get_if<Rolling>(&request)) {
    plan.tokens += rolling_tokens(*rolling, tokenizer, max_length);
  } else {
    const Generate& generate = std::get<Generate>(request);
    plan.tokens += encode_prompt(tokenizer, generate.context).size();
    plan.generated += generate.max_tokens;
  }
}

TaskPlan plan_task(const Task& task, const TaskData& data, const Tokenizer& tokenizer, size_t max_length) {
  TaskPlan plan;
  plan.requests = data.requests;
  for (const Document& document : data.documents.asked)
    for (const Request& request : task.requests(document)) add_request(request, tokenizer, max_length, plan);
  return plan;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

// Embedding, head where separate, and the seven linears of each block.
size_t weight_count(const ModelConfig& c) {
  size_t block = 0;
  for (const Linear linear : kLinears) block += shape_in(c, linear).weights();
  return c.layers * block + c.vocab * c.hidden * (c.tied_head ? 1 : 2);
}

}  // namespace

std::string plan_text(const RunConfig& config, bool offline) {
  const std::string path = resolve_model(config.model, offline);
  const auto checkpoint = open_checkpoint(path);
  check_methods(*checkpoint, config);
  const auto tokenizer = open_tokenizer(path);
  use_chat(config, path, *tokenizer);
  const size_t longest = max_length(checkpoint->config(), config.engine);
  const bool packed = is_packed(path);
  const size_t variants = config.compresses() || packed ? 2 : 1;
  size_t names = 18, protocols = 18;  // widths of their columns
  for (const RunTask& task : config.tasks) {
    names = std::max(names, task.name.size() + 2);
    protocols = std::max(protocols, task.task->info().protocol.size() + 2);
  }
  std::string text = padded("task", names) + padded("protocol", protocols) + padded("requests", 10) + padded("tokens", 12) +
                     "generated at most\n";
  size_t tokens = 0, generated = 0;
  for (const RunTask& task : config.tasks) {
    const TaskData data = prepare_task(task, {.offline = offline, .allow_sample = true}, longest);
    const TaskPlan plan = plan_task(*task.task, data, *tokenizer, longest);
    text += padded(task.name, names) + padded(task.task->info().protocol, protocols) + padded(cat(plan.requests), 10) +
            padded(cat(plan.tokens), 12) + cat(plan.generated, data.data.sample ? "  (bundled sample)" : "", "\n");
    tokens += plan.tokens;
    generated += plan.generated;
  }
  text += cat("each of ", variants, variants == 1 ? " variant" : " variants", ": ", tokens, " tokens read, at most ", generated,
              " generated\n");
  const size_t weights = weight_count(checkpoint->config());
  text += cat("weights: ", weights, " values, ", bytes_text(weights * dtype_bytes(config.dtype)), " in ", dtype_name(config.dtype),
              packed ? cat(", ", bytes_text(checkpoint->file_bytes()), " as they are saved") : "",
              "; both variants are in memory while speed is measured\n");
  const bool calibrates = std::ranges::any_of(config.methods, [](const MethodPtr& m) { return m->needs_calibration(); });
  if (calibrates) {
    const size_t calibration = config.calibration.samples * config.calibration.length;
    text += cat("calibration: ", config.calibration.samples, " x ", config.calibration.length, " tokens of ",
                config.calibration.dataset, ", ", bytes_text(calibration * checkpoint->config().hidden * 4),
                " of activations\n");
  }
  return text;
}

}  // namespace evalharness
