// The operators of Jinja2's expressions, weakest binding first: a if b else c, or, and, not,
// comparisons, + -, ~, * / // %, **. What they stand between is in operand.cpp.

#include "tasks/jinja/expression.h"

#include "tasks/jinja/operators.h"
#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

using Kind = Token::Kind;

class ExpressionParser {
 public:
  explicit ExpressionParser(Tokens& tokens) : tokens_(tokens) {}

  Expression conditional() {
    Expression value = any_of();
    if (!tokens_.accept_name("if")) return value;
    Expression condition = any_of();
    std::optional<Expression> otherwise;
    if (tokens_.accept_name("else")) otherwise = conditional();
    return {[value, condition, otherwise](Scope& scope) -> std::optional<Value> {
      if (condition.truth(scope)) return value.find(scope);
      if (otherwise) return otherwise->find(scope);
      return Value("");  // Jinja is strict about undefined names, but not about a missing else
    }};
  }

  Expression any_of() {  // or
    Expression left = all_of();
    while (tokens_.accept_name("or")) {
      left = {[left, right = all_of()](Scope& scope) {
        const std::optional<Value> value = left.look_up(scope);
        return value && python::truth(*value) ? value : right.look_up(scope);
      }};
    }
    return left;
  }

 private:
  Expression all_of() {  // and
    Expression left = negation();
    while (tokens_.accept_name("and")) {
      left = {[left, right = negation()](Scope& scope) {
        const std::optional<Value> value = left.look_up(scope);
        return value && python::truth(*value) ? right.look_up(scope) : value;
      }};
    }
    return left;
  }

  Expression negation() {
    if (!tokens_.accept_name("not")) return comparison();
    return defined([negated = negation()](Scope& scope) {
      return Value(!negated.truth(scope));
    });
  }

  // a < b < c compares each neighbour, as in Python.
  Expression comparison() {
    Expression first = sum();
    std::vector<std::pair<std::string, Expression>> chain;
    for (std::string op; !(op = comparison_operator()).empty();) chain.emplace_back(op, sum());
    if (chain.empty()) return first;
    return defined([first, chain](Scope& scope) {
      Value left = first.evaluate(scope);
      for (const auto& [op, operand] : chain) {
        const std::optional<Value> found = operand.look_up(scope);
        if (!found && (op == "in" || op == "not in")) return Value(op == "not in");
        Value right = found.value_or(Value());
        if (!compare(scope, op, left, right)) return Value(false);
        left = std::move(right);
      }
      return Value(true);
    });
  }

  std::string comparison_operator() {
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">"})
      if (tokens_.accept_operator(op)) return op;
    if (tokens_.accept_name("in")) return "in";
    if (!tokens_.peek().is(Kind::kName, "not") || !tokens_.peek(1).is(Kind::kName, "in")) return "";
    tokens_.take();
    tokens_.take();
    return "not in";
  }

  using Level = Expression (ExpressionParser::*)();
  Expression chain(std::initializer_list<const char*> operators, Level next) {
    Expression left = (this->*next)();
    while (true) {
      std::string op;
      for (const char* candidate : operators)
        if (op.empty() && tokens_.accept_operator(candidate)) op = candidate;
      if (op.empty()) return left;
      left = defined([op, left, right = (this->*next)()](Scope& scope) {
        const Value a = left.evaluate(scope);
        return arithmetic(scope, op, a, right.evaluate(scope));
      });
    }
  }

  Expression sum() { return chain({"+", "-"}, &ExpressionParser::joined); }
  Expression product() { return chain({"*", "//", "/", "%"}, &ExpressionParser::power); }
  Expression power() { return chain({"**"}, &ExpressionParser::operand); }

  Expression joined() {  // a ~ b: both as text
    Expression left = product();
    while (tokens_.accept_operator("~")) {
      left = defined([left, right = product()](Scope& scope) {
        const std::string a = left.text(scope);
        return Value(a + right.text(scope));
      });
    }
    return left;
  }

  Expression operand() { return parse_operand(tokens_); }

  Tokens& tokens_;
};

bool starts_expression(const Tokens& tokens) {
  const Token& token = tokens.peek();
  return starts_operand(tokens) || token.is(Kind::kOperator, "(") ||
         token.is(Kind::kOperator, "-") || token.is(Kind::kName, "not");
}

}  // namespace

std::optional<Value> Expression::look_up(Scope& scope) const {
  std::optional<Value> value = find(scope);
  if (!value && !scope.is_chat) scope.fail(scope.missing);
  return value;
}

Value Expression::evaluate(Scope& scope) const { return look_up(scope).value_or(Value()); }

std::string Expression::text(Scope& scope) const {
  const std::optional<Value> value = look_up(scope);
  return value ? python::str(*value) : "";
}

bool Expression::truth(Scope& scope) const {
  const std::optional<Value> value = look_up(scope);
  return value && python::truth(*value);
}

Expression defined(std::function<Value(Scope&)> evaluate) {
  return {[evaluate = std::move(evaluate)](Scope& scope) {
    return std::optional<Value>(evaluate(scope));
  }};
}

Expression constant(Value value) {
  return defined([value = std::move(value)](Scope&) { return value; });
}

Expression list_of(std::vector<Expression> items) {
  return defined([items = std::move(items)](Scope& scope) {
    Value::List values;
    for (const Expression& item : items) values.push_back(item.evaluate(scope));
    return Value(std::move(values));
  });
}

Expression parse_expression(Tokens& tokens) {
  Expression first = parse_single(tokens);
  if (!tokens.peek().is(Kind::kOperator, ",")) return first;
  std::vector<Expression> items{std::move(first)};
  while (tokens.accept_operator(",") && starts_expression(tokens))
    items.push_back(parse_single(tokens));
  return list_of(std::move(items));
}

Expression parse_single(Tokens& tokens) { return ExpressionParser(tokens).conditional(); }

Expression parse_unconditional(Tokens& tokens) { return ExpressionParser(tokens).any_of(); }

}  // namespace evalharness::jinja
