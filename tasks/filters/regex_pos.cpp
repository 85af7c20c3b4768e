// Part-of-speech tags out of a list of pairs: "[('the', 'DET'), ('cat', 'NOUN')]" gives "['DET', 'NOUN']".
//
//     {function: regex_pos}
//
// lm-evaluation-harness has it for MasakhaPOS. It gives a list for each text, which is written here as Python prints it;
// its regex_pattern and group_select have no effect there either.

#include "tasks/filter_registry.h"
#include "tasks/python.h"
#include "tasks/regex.h"

namespace evalharness {
namespace {

FilterChain::Step regex_pos(const ConfigNode& node) {
  for (const char* unused : {"regex_pattern", "group_select"})
    if (const std::optional<ConfigNode> given = node.find(unused)) given->to_value();
  const std::optional<ConfigNode> given = node.find("fallback");
  const Value fallback = given && !given->is_null() ? given->to_value(/*yaml_1_1=*/true) : Value(Value::List{"invalid"});
  const auto tags_of = [pair = Regex(R"(\('([^']*)', '([^']*)'\))", node.where())](const std::string& text) -> std::optional<std::string> {
    Value::List tags;
    for (const std::vector<std::string>& groups : pair.find_all(text)) tags.emplace_back(groups.back());
    if (tags.empty()) return std::nullopt;
    return python::str(Value(std::move(tags)));
  };
  return from_each_text(tags_of, python::str(fallback));
}

const RegisterFilter regex_pos_filter("regex_pos", regex_pos);

}  // namespace
}  // namespace evalharness
