// {% macro greet(name, mark='!') %}Hello {{ name }}{{ mark }}{% endmacro %} {{ greet('Ann') }}
//
// A call gives the text of the body. The body sees its arguments and what the macro's surroundings define, whoever calls
// it; what it sets is its own. An argument that is not given and has no default is undefined. {% call %}, varargs, kwargs
// and macros as values are not supported.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tasks/jinja/expression.h"

namespace evalharness::jinja {

struct Macro {
  struct Parameter {
    std::string name;
    std::optional<Expression> fallback;  // evaluated at the call, after the parameters before it
  };
  std::string name;
  std::vector<Parameter> parameters;
  std::function<void(Scope&)> body;
};

struct MacroArguments {
  using Given = std::optional<Value>;  // nothing: given, and undefined
  std::vector<Given> positional;
  std::vector<std::pair<std::string, Given>> named;
};

// The text that the macro of this name makes. Fails where none is defined yet, or on arguments that it does not have.
Value call_macro(Scope& scope, const std::string& name, const MacroArguments& given);

}  // namespace evalharness::jinja
