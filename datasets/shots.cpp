#include "datasets/shots.h"

#include "harness/base/config_node.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr std::string_view kRule = "\n-----\n", kQuestion = "\n\nQ: ", kAnswer = "\nA: Let's think step by step.",
                           kConclusion = "o the answer is ";

// "... So the answer is (B)." -> "(B)"
std::string conclusion(const std::string& reasoning, const std::string& where) {
  const size_t at = reasoning.rfind(kConclusion);
  if (at == std::string::npos || !reasoning.ends_with('.')) fail(cat(where, ": expected 'So the answer is ...' at its end"));
  const size_t begin = at + kConclusion.size();
  return reasoning.substr(begin, reasoning.size() - 1 - begin);
}

}  // namespace

std::vector<Document> bbh_cot_prompt(std::string_view text, const std::string& name) {
  const size_t rule = text.find(kRule);
  if (rule == std::string_view::npos) fail(cat(name, ": expected a line '-----' before the examples"));
  const std::vector<std::string> pieces = split(text.substr(rule + kRule.size()), kQuestion);
  std::vector<Document> documents;
  for (size_t i = 1; i < pieces.size(); ++i) {
    const std::string where = cat(name, "[", documents.size(), "]");
    const size_t at = pieces[i].find(kAnswer);
    if (at == std::string::npos) fail(cat(where, ": expected 'A: Let's think step by step.' behind the question"));
    const std::string reasoning = strip(pieces[i].substr(at + kAnswer.size()));
    Value fields;
    fields.set("description", strip(pieces[0]));
    fields.set("input", pieces[i].substr(0, at));
    fields.set("reasoning", reasoning);
    fields.set("target", conclusion(reasoning, where));
    documents.emplace_back(std::move(fields), where);
  }
  return documents;
}

std::vector<Document> lm_eval_samples(std::string_view text, const std::string& name) {
  const ConfigNode file = ConfigNode::parse(std::string(text), name, DuplicateKeys::kLastWins);
  std::vector<Document> documents;
  for (const ConfigNode& sample : file.at("fewshot_config").at("samples").items())
    documents.emplace_back(sample.to_value(/*yaml_1_1=*/true), sample.where());
  return documents;
}

}  // namespace evalharness
