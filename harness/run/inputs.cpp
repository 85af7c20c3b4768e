#include "harness/run/inputs.h"

#include <algorithm>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/math/isa.h"
#include "harness/model/chat_template.h"
#include "harness/measure/machine.h"
#include "harness/model/packed.h"
#include "harness/model/synthetic.h"
#include "harness/run/compress.h"
#include "harness/run/model_list.h"

namespace evalharness {
namespace {

DataOptions data_options(bool offline) { return {.offline = offline, .allow_sample = true}; }

void find_original(ModelInputs& inputs) {
  const PackedSource source = packed_source(inputs.path);
  inputs.dense_name = source.model;
  inputs.dense_hash = source.sha256;
  const std::string path = find_model(source.model);
  if (path.empty())
    inputs.no_original = cat("the dense model, ", source.model, ", is not on this machine");
  else if (model_hash(path) != source.sha256)
    inputs.no_original =
        cat(source.model, " is another model now than the one that was compressed");
  else
    inputs.original = open_checkpoint(path);
}

void read_calibration_text(const CalibrationConfig& config, bool offline, ModelInputs& inputs) {
  const Dataset train = load_dataset(config.dataset, "train", data_options(offline));
  inputs.calibration_file_hash = train.sha256;
  inputs.calibration_sample = train.sample;
  inputs.calibration_subset = train.subset;
  inputs.calibration = draw_calibration(config.dataset, train.documents, *inputs.tokenizer, config.samples, config.length, config.seed);
}

}  // namespace

ModelInputs open_model_inputs(const RunConfig& config, bool offline) {
  ModelInputs inputs;
  inputs.path = resolve_model(config.model, offline);
  inputs.checkpoint = open_checkpoint(inputs.path);
  check_methods(*inputs.checkpoint, config);
  const bool calibrates = std::ranges::any_of(
      config.methods, [](const MethodPtr& m) { return m->needs_calibration(); });
  if (is_synthetic(inputs.path)) {
    if (calibrates || !config.tasks.empty())
      fail(cat(config.model,
               ": a synthetic model has no tokenizer: it can be timed, not asked or calibrated"));
    return inputs;
  }
  inputs.tokenizer = open_tokenizer(inputs.path);
  use_chat(config, inputs.path, *inputs.tokenizer);
  inputs.hash = inputs.dense_hash = model_hash(inputs.path);
  // A packed folder remembers it: a path must lead there from anywhere.
  inputs.dense_name = std::filesystem::exists(config.model)
                          ? std::filesystem::absolute(config.model).lexically_normal().string()
                          : config.model;
  inputs.packed = is_packed(inputs.path);
  if (inputs.packed) find_original(inputs);
  if (calibrates) read_calibration_text(config.calibration, offline, inputs);
  return inputs;
}

void use_chat(const RunConfig& config, const std::string& model_path, const Tokenizer& tokenizer) {
  if (config.chat.is_plain()) return;
  const auto text_of = [&](int32_t token) { return token < 0 ? "" : tokenizer.token_text(token); };
  Chat chat;
  chat.system_instruction = config.chat.system_instruction;
  chat.fewshot_as_multiturn = config.chat.fewshot_as_multiturn;
  if (config.chat.template_wanted) {
    const ChatTemplateSource source = chat_template_of(model_path, config.chat.template_name);
    chat.form = std::make_shared<const ChatTemplate>(source.text, source.where, text_of(tokenizer.bos()),
                                                     text_of(tokenizer.eos()));
  }
  for (const RunTask& task : config.tasks) task.task->use_chat(chat);
}

std::vector<TaskData> prepare_tasks(const RunConfig& config, const ModelInputs& inputs, bool offline) {
  const size_t longest = max_length(inputs.checkpoint->config(), config.engine);
  std::vector<TaskData> tasks;
  for (const RunTask& task : config.tasks)
    tasks.push_back(prepare_task(task, data_options(offline), longest));
  return tasks;
}

Value calibration_details(const ModelInputs& inputs, const CalibrationConfig& config) {
  Value details;
  details.set("dataset", config.dataset);
  details.set("sample", inputs.calibration_sample);  // the bundled documents, not the real set
  if (!inputs.calibration_subset.empty()) details.set("subset", inputs.calibration_subset);
  details.set("file_sha256", inputs.calibration_file_hash);
  details.set("tokens", inputs.calibration.tokens());
  details.set("token_sha256", inputs.calibration.token_hash());
  Value draws{Value::List{}};
  for (const CalibrationSet::Draw& draw : inputs.calibration.draws)
    draws.push(Value::List{Value(draw.document), Value(draw.start)});
  details.set("draws", std::move(draws));  // [document, start] of each sample
  return details;
}

Value run_context(const RunConfig& config, const ModelInputs& inputs,
                  const std::vector<TaskData>& tasks) {
  Value context = describe_machine();
  context.set("kernel_isa", isa_name(best_isa()));
  context.set("model_path", std::filesystem::path(inputs.path).filename().string());
  context.set("model_sha256", inputs.hash);
  context.set("dense_sha256", inputs.dense_hash);  // before any compression, a packed model's too
  context.set("tokenizer_sha256", inputs.tokenizer ? inputs.tokenizer->hash() : "");
  if (inputs.calibration.tokens() > 0) context.set("calibration_sha256", inputs.calibration.token_hash());
  if (config.chat.template_wanted)
    context.set("chat_template_sha256",
                sha256_hex(chat_template_of(inputs.path, config.chat.template_name).text));
  Value data, prompts;
  for (size_t t = 0; t < tasks.size(); ++t) {
    data.set(config.tasks[t].name, tasks[t].data.sha256);
    prompts.set(config.tasks[t].name, tasks[t].prompts_hash);
  }
  context.set("data_sha256", data.is_null() ? Value(Value::Map{}) : std::move(data));
  context.set("prompts_sha256", prompts.is_null() ? Value(Value::Map{}) : std::move(prompts));
  return context;
}

}  // namespace evalharness
