#include "tasks/jinja/macro.h"

#include <algorithm>

namespace evalharness::jinja {
namespace {

// Python has a limit too; without one a macro that never ends would take the stack.
constexpr size_t kDeepest = 100;

[[noreturn]] void fail_call(const Scope& scope, const Macro& macro, const std::string& text) {
  scope.fail(cat("macro ", macro.name, ": ", text));
}

// Which argument each parameter is given; null where none is.
std::vector<const MacroArguments::Given*> matched(const Scope& scope, const Macro& macro, const MacroArguments& given) {
  if (given.positional.size() > macro.parameters.size())
    fail_call(scope, macro, cat("expected at most ", macro.parameters.size(), " arguments, got ", given.positional.size()));
  std::vector<const MacroArguments::Given*> matched(macro.parameters.size());
  for (size_t i = 0; i < given.positional.size(); ++i) matched[i] = &given.positional[i];
  for (const auto& [name, argument] : given.named) {
    const auto found = std::ranges::find(macro.parameters, name, &Macro::Parameter::name);
    if (found == macro.parameters.end()) {
      std::vector<std::string> names;
      for (const Macro::Parameter& parameter : macro.parameters) names.push_back(parameter.name);
      fail_call(scope, macro, cat("no argument '", name, "'", did_you_mean(name, names)));
    }
    const MacroArguments::Given*& place = matched[static_cast<size_t>(found - macro.parameters.begin())];
    if (place != nullptr) fail_call(scope, macro, cat("argument '", name, "' is given twice"));
    place = &argument;
  }
  return matched;
}

}  // namespace

Value call_macro(Scope& scope, const std::string& name, const MacroArguments& given) {
  const Macro* const macro = scope.find_macro(name);
  if (macro == nullptr) scope.fail(cat("macro ", name, ": it is called before it is defined"));
  const std::vector<const MacroArguments::Given*> arguments = matched(scope, *macro, given);
  if (scope.open_macros() == kDeepest) fail_call(scope, *macro, cat("calls within calls, ", kDeepest, " deep"));
  std::string text;
  const Scope::Inside inside(scope, name);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Macro::Parameter& parameter = macro->parameters[i];
    std::optional<Value> value;
    if (arguments[i] != nullptr)
      value = *arguments[i];
    else if (parameter.fallback)
      value = parameter.fallback->look_up(scope);
    if (value)
      scope.set(parameter.name, std::move(*value));
    else
      scope.hide(parameter.name);
  }
  text.swap(scope.out);
  macro->body(scope);
  text.swap(scope.out);
  return text;
}

}  // namespace evalharness::jinja
