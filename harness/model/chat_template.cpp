#include "harness/model/chat_template.h"

#include <filesystem>
#include <map>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/gguf.h"
#include "harness/model/json_fields.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

const std::string kDefault = "default";
using Templates = std::map<std::string, ChatTemplateSource>;

// tokenizer.chat_template, and tokenizer.chat_template.<name> of the others.
Templates templates_of_gguf(const std::string& path) {
  const std::string key = "tokenizer.chat_template";
  const GgufFile file(path);
  Templates templates;
  for (const auto& entry : file.metadata()) {
    if (entry.first != key && !entry.first.starts_with(key + ".")) continue;
    const std::string* text = file.find_string(entry.first);
    const std::string name = entry.first == key ? kDefault : entry.first.substr(key.size() + 1);
    if (text) templates[name] = {*text, cat(path, ": ", entry.first)};
  }
  return templates;
}

// A string, or a list of {name: ..., template: ...}.
Templates templates_of_config(const std::string& path) {
  const Value value = parse_json(read_text(path), path);
  const JsonFields config(value, path);
  const Value* given = config.find("chat_template");
  Templates templates;
  if (!given) return templates;
  const std::string where = path + ": chat_template";
  if (given->is_string()) return {{kDefault, {given->string(), where}}};
  for (const Value& item : config.list("chat_template")) {
    const JsonFields named(item, path, "chat_template.");
    templates[named.text("name")] = {named.text("template"), where};
  }
  return templates;
}

Templates templates_of(const std::string& path) {
  if (!fs::is_directory(path)) return templates_of_gguf(path);
  Templates templates;
  if (fs::exists(path + "/tokenizer_config.json")) templates = templates_of_config(path + "/tokenizer_config.json");
  const std::string own = path + "/chat_template.jinja";
  if (fs::exists(own)) templates[kDefault] = {read_text(own), own};
  const std::string keys = path + "/tokenizer.gguf";
  if (templates.empty() && fs::exists(keys)) return templates_of_gguf(keys);
  return templates;
}

}  // namespace

ChatTemplateSource chat_template_of(const std::string& path, const std::string& name) {
  const Templates templates = templates_of(path);
  if (templates.empty()) fail(cat(path, ": this model has no chat template"));
  const std::string wanted = name.empty() ? kDefault : name;
  if (const auto found = templates.find(wanted); found != templates.end()) return found->second;
  const std::vector<std::string> names = keys_of(templates);
  fail(cat(path, ": no chat template '", wanted, "'", did_you_mean(wanted, names), "; there are: ", join(names, " ")));
}

}  // namespace evalharness
