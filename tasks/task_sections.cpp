// The sections of a task file on worked examples and on what the model writes.

#include "tasks/task_sections.h"

#include <map>

#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

void check_choices(const ConfigNode& node) {
  const Value value = node.to_value(/*yaml_1_1=*/true);
  if (!value.is_string() && !value.is_list() && !value.is_map())
    node.fail(cat("expected a list, a column or a template, got ", python::repr(value)));
  if (value == Value(Value::List{}) || value == Value(Value::Map{}))
    node.fail("expected at least one choice, got none");
}

// Choices may be a list or a map, an answer one of several in a list.
std::optional<Field> field_of(const std::optional<ConfigNode>& node, std::string_view key) {
  if (!node || node->is_null()) return std::nullopt;
  if (key == "doc_to_choice")
    check_choices(*node);
  else if (node->is_map() || (node->is_list() && key != "doc_to_target"))
    node->fail(cat("expected text, a column or a template, got ", node->is_map() ? "a map" : "a list"));
  return Field::read(*node);
}

std::vector<std::string> strings_of(const ConfigNode& node) {
  if (node.is_null()) return {};
  if (!node.is_list()) return {node.as_string()};
  std::vector<std::string> strings;
  for (const ConfigNode& item : node.items()) strings.push_back(item.as_string());
  return strings;
}

double read_temperature(const ConfigNode& node) {
  const std::optional<ConfigNode> given = node.find("temperature");
  const double temperature = given ? given->as_number() : 0;
  const std::optional<ConfigNode> sample = node.find("do_sample");
  // Without do_sample a temperature above 0 samples; do_sample: false is greedy at any temperature.
  return sample && !sample->is_null() && !read_bool(*sample) ? 0 : temperature;
}

void read_sampling(const ConfigNode& node, GenerationConfig& generation) {
  generation.temperature = read_temperature(node);
  if (generation.temperature < 0)
    node.fail_at("temperature", cat("expected at least 0, got ", generation.temperature));
  generation.top_k = node.get("top_k", generation.top_k);
  generation.top_p = node.get("top_p", generation.top_p);
  if (!(generation.top_p > 0 && generation.top_p <= 1))
    node.fail_at("top_p", cat("expected 0 < top_p <= 1, got ", generation.top_p));
  generation.seed = node.get("seed", size_t{0});
  if (node.get("num_beams", size_t{1}) != 1) node.fail_at("num_beams", "expected 1: beams are not searched here");
}

// The pool where no split is named: training rows, else validation, else test.
std::string default_pool(const TaskFile& file) {
  for (const char* key : {"training_split", "validation_split", "test_split"})
    if (const std::string split = file.get(key, ""); !split.empty()) return split;
  return "";
}

void read_fewshot_section(const ConfigNode& node, FewshotConfig& fewshot) {
  const std::map<std::string, FewshotConfig::Sampler> samplers = {
      {"default", FewshotConfig::Sampler::kDefault},
      {"first_n", FewshotConfig::Sampler::kFirstN},
      {"keyed", FewshotConfig::Sampler::kKeyed}};
  fewshot.sampler = samplers.at(node.get_one_of("sampler", {"default", "first_n", "keyed"}, "default"));
  fewshot.split = node.get("split", fewshot.split);
  if (const std::optional<ConfigNode> docs = node.find("process_docs"); docs && !docs->is_null())
    docs->fail("needs Python, which is not run here");
  if (const std::optional<ConfigNode> list = node.find("transforms"))
    fewshot.transforms = Transforms::read(*list);
  if (const std::optional<ConfigNode> indices = node.find("fewshot_indices");
      indices && !indices->is_null()) {
    for (const ConfigNode& item : indices->items()) fewshot.indices.push_back(item.as_count());
    fewshot.indices_place = indices->place();
  }
  if (const std::optional<ConfigNode> samples = node.find("samples");
      samples && !samples->is_null())
    for (const ConfigNode& item : samples->items()) {
      if (!item.is_map()) item.fail("expected a map of columns");
      fewshot.samples.emplace_back(item.to_value(/*yaml_1_1=*/true), item.where());
    }
  for (auto& [key, field] : {std::pair{"doc_to_text", &fewshot.doc_to_text},
                             {"doc_to_target", &fewshot.doc_to_target},
                             {"doc_to_choice", &fewshot.doc_to_choice},
                             {"gen_prefix", &fewshot.gen_prefix}})
    if (std::optional<Field> own = field_of(node.find(key), key)) *field = std::move(own);
  fewshot.target_delimiter = node.get("target_delimiter", fewshot.target_delimiter);
  fewshot.fewshot_delimiter = node.get("fewshot_delimiter", fewshot.fewshot_delimiter);
}

}  // namespace

std::optional<Field> read_field(const TaskFile& file, std::string_view key) {
  return field_of(file.find(key), key);
}

std::vector<std::string> tags_of(const TaskFile& file) {
  const std::optional<ConfigNode> tag = file.find("tag");
  return tag ? strings_of(*tag) : std::vector<std::string>{};
}

bool read_bool(const ConfigNode& node) {
  const Value value = node.to_value(/*yaml_1_1=*/true);  // lm-eval's files say yes and no as well
  if (!value.is_bool()) node.fail(cat("expected true or false, got ", python::repr(value)));
  return value.boolean();
}

GenerationConfig read_generation(const TaskFile& file, const std::string& fewshot_delimiter) {
  GenerationConfig generation;
  generation.until = {fewshot_delimiter};
  if (const std::optional<ConfigNode> repeats = file.find("repeats"))
    generation.samples = repeats->as_count();
  if (generation.samples == 0) file.fail_at("repeats", "expected at least 1, got 0");
  const std::optional<ConfigNode> node = file.find("generation_kwargs");
  if (!node) return generation;
  if (const std::optional<ConfigNode> until = node->find("until"))
    generation.until = strings_of(*until);
  // Of several names the first wins, as there.
  bool given = false;
  for (const char* name :
       {"max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"}) {
    const std::optional<ConfigNode> count = node->find(name);
    if (!count || count->is_null()) continue;
    const size_t value = count->as_count();
    if (value == 0) count->fail("expected at least 1 token, got 0");
    if (!given) generation.max_tokens = value;
    given = true;
  }
  read_sampling(*node, generation);
  return generation;
}

FewshotConfig read_fewshot(const TaskFile& file, const TaskConfig& task) {
  FewshotConfig fewshot;
  fewshot.doc_to_text = task.doc_to_text;
  fewshot.doc_to_target = task.doc_to_target;
  fewshot.doc_to_choice = task.doc_to_choice;
  fewshot.gen_prefix = task.gen_prefix;
  fewshot.transforms = task.transforms;
  fewshot.target_delimiter = task.target_delimiter;
  fewshot.fewshot_delimiter = task.fewshot_delimiter;
  if (const std::optional<ConfigNode> count = file.find("num_fewshot")) {
    fewshot.count = count->as_count();
    fewshot.count_place = count->place();
  }
  fewshot.split = file.get("fewshot_split", "");
  if (const std::optional<ConfigNode> node = file.find("fewshot_config"))
    read_fewshot_section(*node, fewshot);
  // One less-than-obvious rule of the original: with neither a split of the shots nor a test split
  // named, the two count as the same, and one shot more is drawn from the training rows.
  fewshot.drop_document = fewshot.split == file.get("test_split", "");
  if (fewshot.split.empty() && fewshot.samples.empty()) fewshot.split = default_pool(file);
  return fewshot;
}

}  // namespace evalharness
