// Statements of a template: what they do, and the loop among them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tasks/jinja/expression.h"

namespace evalharness::jinja {

using Action = std::function<void(Scope&)>;
using Block = std::vector<Action>;
// Up to the end, or to a break or continue.
void run(const Block& block, Scope& scope);

// Gives a value to one name, or its items to several.
void assign(Scope& scope, const std::vector<std::string>& names, const Value& value);

// {% for names in over if condition %} body {% else %} otherwise {% endfor %}
struct Loop {
  std::vector<std::string> names;
  Expression over;
  std::optional<Expression> condition;
  Block body, otherwise;

  void operator()(Scope& scope) const;

 private:
  std::vector<Value> items(Scope& scope) const;
};

}  // namespace evalharness::jinja
