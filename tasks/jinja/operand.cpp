// What operators stand between: names, constants, lists and maps, with a sign before them and
// members, calls, filters and tests behind.

#include <charconv>

#include "tasks/jinja/expression.h"
#include "tasks/jinja/macro.h"
#include "tasks/jinja/operators.h"
#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

using Kind = Token::Kind;

Expression name(const std::string& text) {
  if (text == "true" || text == "True") return constant(true);
  if (text == "false" || text == "False") return constant(false);
  if (text == "none" || text == "None") return constant(nullptr);
  return {[text](Scope& scope) -> std::optional<Value> {
    if (const Value* value = scope.find(text)) return *value;
    scope.missing = scope.no_field(text);
    return std::nullopt;
  }};
}

struct Arguments {
  std::vector<Expression> positional;
  std::vector<std::pair<std::string, Expression>> named;

  Call call(Scope& scope, std::string kind, std::string called, Value subject) const {
    Call made{scope, std::move(called), std::move(subject), {}, {}, std::move(kind)};
    for (const Expression& argument : positional)
      made.positional.push_back(argument.evaluate(scope));
    for (const auto& [key, argument] : named)
      made.named.emplace_back(key, argument.evaluate(scope));
    return made;
  }
  MacroArguments of_macro(Scope& scope) const {
    MacroArguments made;
    for (const Expression& argument : positional) made.positional.push_back(argument.look_up(scope));
    for (const auto& [key, argument] : named) made.named.emplace_back(key, argument.look_up(scope));
    return made;
  }
};

class OperandParser {
 public:
  explicit OperandParser(Tokens& tokens) : tokens_(tokens) {}

  Expression operand() { return filters(unary()); }

 private:
  // The sign binds before a filter: -1|abs is 1.
  Expression unary() {
    if (tokens_.accept_operator("-"))
      return members(defined(
          [operand = unary()](Scope& scope) { return negate(scope, operand.evaluate(scope)); }));
    if (tokens_.accept_operator("+")) return unary();
    return members(primary());
  }

  Expression primary() {
    const Token token = tokens_.peek();
    switch (token.kind) {
      case Kind::kName:
        return name_or_call(tokens_.take().text);
      case Kind::kString:
        return strings();
      case Kind::kInteger:
        return integer();
      case Kind::kFloat:
        return constant(std::stod(tokens_.take().text));
      default:
        break;
    }
    if (tokens_.accept_operator("(")) return grouped();
    if (tokens_.accept_operator("[")) return list_of(sequence("]"));
    if (tokens_.accept_operator("{")) return map();
    tokens_.fail_expected("an expression");
  }

  Expression name_or_call(const std::string& text) {
    if (!tokens_.peek().is(Kind::kOperator, "(")) {
      tokens_.variables.insert(text);
      return name(text);
    }
    if (tokens_.macros.contains(text))
      return defined([text, given = arguments()](Scope& scope) { return call_macro(scope, text, given.of_macro(scope)); });
    const Function function = find_function(text, tokens_);
    const Arguments given = arguments();
    return defined([text, function, given](Scope& scope) {
      return function(given.call(scope, "function", text, Value()));
    });
  }

  Expression strings() {
    std::string text;
    while (tokens_.peek().kind == Kind::kString) text += tokens_.take().text;
    tokens_.strings.insert(text);
    return constant(std::move(text));
  }

  Expression integer() {
    const std::string digits = tokens_.take().text;
    int64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc()) tokens_.fail(cat("integer ", digits, " is too large"));
    return constant(value);
  }

  Expression grouped() {
    if (tokens_.accept_operator(")")) return list_of({});
    Expression inside = parse_expression(tokens_);
    tokens_.expect(Kind::kOperator, ")");
    return inside;
  }

  std::vector<Expression> sequence(std::string_view close) {
    std::vector<Expression> items;
    while (!tokens_.accept_operator(close)) {
      if (!items.empty()) {
        tokens_.expect(Kind::kOperator, ",");
        if (tokens_.accept_operator(close)) break;
      }
      items.push_back(parse_single(tokens_));
    }
    return items;
  }

  Expression map() {
    std::vector<std::pair<Expression, Expression>> entries;
    while (!tokens_.accept_operator("}")) {
      if (!entries.empty()) {
        tokens_.expect(Kind::kOperator, ",");
        if (tokens_.accept_operator("}")) break;
      }
      Expression key = parse_single(tokens_);
      tokens_.expect(Kind::kOperator, ":");
      entries.emplace_back(std::move(key), parse_single(tokens_));
    }
    return defined([entries](Scope& scope) {
      Value made{Value::Map{}};
      for (const auto& [key, value] : entries) {
        const Value k = key.evaluate(scope);
        if (!k.is_string()) scope.fail(cat("expected a string as a key, got ", k.type_name()));
        made.set(k.string(), value.evaluate(scope));
      }
      return made;
    });
  }

  Expression members(Expression of) {
    while (true) {
      if (tokens_.accept_operator("."))
        of = member(std::move(of));
      else if (tokens_.accept_operator("["))
        of = subscript(std::move(of));
      else
        return of;
    }
  }

  Expression member(Expression of) {
    if (tokens_.peek().kind == Kind::kInteger) return indexed(std::move(of), integer());
    const std::string text = tokens_.expect_name();
    if (!tokens_.peek().is(Kind::kOperator, "(")) {
      tokens_.members.insert(text);
      return indexed(std::move(of), constant(text));
    }
    const Arguments given = arguments();
    return defined([of, text, given](Scope& scope) {
      return call_method(given.call(scope, "method", text, of.evaluate(scope)));
    });
  }

  static Expression indexed(Expression of, Expression index) {
    return {[of, index](Scope& scope) {
      const std::optional<Value> value = of.find(scope);
      if (!value) scope.fail(scope.missing);  // a member of what is undefined, in either dialect
      return item(scope, *value, index.evaluate(scope));
    }};
  }

  Expression subscript(Expression of) {
    std::vector<Expression> bounds;  // of a slice: those missing are null
    bool is_slice = false;
    std::set<std::string> names;
    const auto bound = [&] {
      if (tokens_.peek().kind == Kind::kName) names.insert(tokens_.peek().text);
      if (tokens_.peek().kind == Kind::kString) tokens_.members.insert(tokens_.peek().text);
      const bool missing =
          tokens_.peek().is(Kind::kOperator, ":") || tokens_.peek().is(Kind::kOperator, "]");
      bounds.push_back(missing ? constant(nullptr) : parse_single(tokens_));
    };
    bound();
    while (tokens_.accept_operator(":")) is_slice = true, bound();
    tokens_.expect(Kind::kOperator, "]");
    if (!is_slice) return indexed(std::move(of), bounds[0]);
    tokens_.bounds.merge(names);
    bounds.resize(3, constant(nullptr));
    return defined([of, bounds](Scope& scope) {
      const Value value = of.evaluate(scope);
      return slice(scope, value, bounds[0].evaluate(scope), bounds[1].evaluate(scope),
                   bounds[2].evaluate(scope));
    });
  }

  Arguments arguments() {
    Arguments given;
    tokens_.expect(Kind::kOperator, "(");
    while (!tokens_.accept_operator(")")) {
      if (!given.positional.empty() || !given.named.empty()) {
        tokens_.expect(Kind::kOperator, ",");
        if (tokens_.accept_operator(")")) break;
      }
      if (tokens_.peek().kind == Kind::kName && tokens_.peek(1).is(Kind::kOperator, "=")) {
        const std::string key = tokens_.take().text;
        tokens_.take();
        // map(attribute='text'): a member of the items.
        if (key == "attribute" && tokens_.peek().kind == Kind::kString) tokens_.members.insert(tokens_.peek().text);
        given.named.emplace_back(key, parse_single(tokens_));
      } else {
        given.positional.push_back(parse_single(tokens_));
      }
    }
    return given;
  }

  Expression filters(Expression of) {
    while (true) {
      if (tokens_.accept_operator("|"))
        of = filter(std::move(of));
      else if (tokens_.accept_name("is"))
        of = test(std::move(of));
      else if (tokens_.peek().is(Kind::kOperator, ".") || tokens_.peek().is(Kind::kOperator, "["))
        of = members(std::move(of));
      else
        return of;
    }
  }

  Expression filter(Expression of) {
    const std::string text = tokens_.expect_name();
    const Function function = find_filter(text, tokens_);
    const Arguments given = tokens_.peek().is(Kind::kOperator, "(") ? arguments() : Arguments{};
    const bool takes_undefined = text == "default" || text == "d";
    return defined([of, text, function, given, takes_undefined](Scope& scope) {
      if (!takes_undefined)
        return function(given.call(scope, "filter", text, of.look_up(scope).value_or("")));
      const std::optional<Value> value = of.find(scope);
      const Call call = given.call(scope, "filter", text, value.value_or(Value()));
      const bool keep = value && (python::truth(*value) || !call.flag(1, "boolean", false));
      if (keep) return *value;
      const Value* fallback = call.find(0, "default_value");
      return fallback ? *fallback : Value("");
    });
  }

  Expression test(Expression of) {
    const bool negated = tokens_.accept_name("not");
    const std::string text = tokens_.expect_name();
    if (text == "defined" || text == "undefined") {
      const bool wanted = (text == "defined") != negated;
      return defined(
          [of, wanted](Scope& scope) { return Value(of.find(scope).has_value() == wanted); });
    }
    const Function function = find_test(text, tokens_);
    Arguments given;
    if (tokens_.peek().is(Kind::kOperator, "("))
      given = arguments();
    else if (starts_operand(tokens_))
      given.positional.push_back(unary());  // "is divisibleby 3"
    return defined([of, text, function, given, negated](Scope& scope) {
      const std::optional<Value> subject = of.look_up(scope);
      if (!subject && text == "none") return Value(negated);
      const Value result = function(given.call(scope, "test", text, subject.value_or(Value())));
      return Value(result.boolean() != negated);
    });
  }

  Tokens& tokens_;
};

}  // namespace

Expression parse_operand(Tokens& tokens) { return OperandParser(tokens).operand(); }

bool starts_operand(const Tokens& tokens) {
  const Token& token = tokens.peek();
  if (token.kind == Kind::kString || token.kind == Kind::kInteger || token.kind == Kind::kFloat)
    return true;
  if (token.kind == Kind::kOperator) return token.text == "[" || token.text == "{";
  if (token.kind != Kind::kName) return false;
  for (const char* word : {"else", "or", "and", "if", "is", "in", "not"})
    if (token.text == word) return false;
  return true;
}

}  // namespace evalharness::jinja
