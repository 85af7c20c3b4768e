// Templates: text, {{ output }} and {% statements %}, filled in with one document's fields.

#include "tasks/jinja/jinja.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "tasks/jinja/expression.h"
#include "tasks/jinja/lexer.h"
#include "tasks/jinja/loop.h"
#include "tasks/jinja/macro.h"
#include "tasks/jinja/scope.h"
#include "tasks/python.h"

namespace evalharness {
namespace jinja {
namespace {

using Kind = Token::Kind;

class TemplateParser {
 public:
  explicit TemplateParser(Tokens& tokens) : tokens_(tokens) {}

  Block whole() {
    Block block = until({});
    if (tokens_.peek().kind != Kind::kEnd)
      tokens_.fail(cat("unexpected '", tokens_.peek(1).text, "'"));
    return block;
  }

 private:
  // Reads up to a statement of one of these names, which is left standing behind its {%.
  Block until(const std::set<std::string>& ends) {
    Block block;
    while (tokens_.peek().kind != Kind::kEnd) {
      if (tokens_.peek().kind == Kind::kData) {
        block.push_back([text = tokens_.take().text](Scope& scope) { scope.out += text; });
      } else if (tokens_.peek().kind == Kind::kBeginOutput) {
        block.push_back(output());
      } else {
        if (ends.count(tokens_.peek(1).text)) {
          tokens_.take();
          return block;
        }
        tokens_.expect(Kind::kBeginStatement, "");
        block.push_back(statement());
      }
    }
    if (!ends.empty()) tokens_.fail_expected(cat("'", *ends.rbegin(), "'"));
    return block;
  }

  Action output() {
    tokens_.take();
    Expression value = parse_expression(tokens_);
    tokens_.expect(Kind::kEndOutput, "");
    return [value](Scope& scope) { scope.out += value.text(scope); };
  }

  Action statement() {
    const std::string word = tokens_.expect_name();
    if (word == "if") return branch();
    if (word == "for") return loop();
    if (word == "set") return assignment();
    if (word == "macro") return macro();
    if (tokens_.dialect == JinjaDialect::kChat) {
      if (word == "generation") return marked();
      if (word == "break") return leave_turn(Scope::Flow::kBreak);
      if (word == "continue") return leave_turn(Scope::Flow::kContinue);
    }
    tokens_.fail(cat("statement '", word, "' is not supported; there are: for if macro raw set"));
  }

  // {% generation %} text {% endgeneration %}: what the assistant says.
  Action marked() {
    end();
    Block body = until({"endgeneration"});
    tokens_.expect_name();
    end();
    return [body](Scope& scope) { run(body, scope); };
  }

  Action macro() {
    auto made = std::make_shared<Macro>();
    made->name = tokens_.expect_name();
    tokens_.expect(Kind::kOperator, "(");
    while (!tokens_.accept_operator(")")) {
      if (!made->parameters.empty()) tokens_.expect(Kind::kOperator, ",");
      Macro::Parameter parameter{tokens_.expect_name(), {}};
      tokens_.assigned.insert(parameter.name);
      if (tokens_.accept_operator("=")) parameter.fallback = parse_single(tokens_);
      made->parameters.push_back(std::move(parameter));
    }
    end();
    const int around = std::exchange(loops_, 0);
    made->body = [body = until({"endmacro"})](Scope& scope) { run(body, scope); };
    loops_ = around;
    tokens_.expect_name();
    end();
    for (const char* special : {"varargs", "kwargs", "caller"})
      if (tokens_.variables.contains(special)) tokens_.fail(cat("macro ", made->name, ": ", special, " is not supported"));
    return [macro = std::shared_ptr<const Macro>(made)](Scope& scope) { scope.define(macro->name, macro.get()); };
  }

  Action leave_turn(Scope::Flow flow) {
    if (loops_ == 0) tokens_.fail("break and continue stand in a loop only");
    end();
    return [flow](Scope& scope) { scope.flow = flow; };
  }

  Action branch() {
    Expression condition = parse_expression(tokens_);
    end();
    Block body = until({"elif", "else", "endif"});
    const std::string word = tokens_.expect_name();
    Block otherwise;
    if (word == "elif") {
      otherwise.push_back(branch());  // takes the endif
    } else {
      if (word == "else") {
        end();
        otherwise = until({"endif"});
        tokens_.expect_name();
      }
      end();
    }
    return [condition, body, otherwise](Scope& scope) {
      run(condition.truth(scope) ? body : otherwise, scope);
    };
  }

  Action loop() {
    Loop made;
    made.names = names();
    tokens_.expect(Kind::kName, "in");
    made.over = parse_unconditional(tokens_);
    if (tokens_.accept_name("if")) made.condition = parse_expression(tokens_);
    end();
    ++loops_;
    made.body = until({"else", "endfor"});
    --loops_;
    if (tokens_.expect_name() == "else") {
      end();
      made.otherwise = until({"endfor"});
      tokens_.expect_name();
    }
    end();
    return made;
  }

  Action assignment() {
    if (tokens_.peek(1).is(Kind::kOperator, ".")) return member_assignment();
    const std::vector<std::string> targets = names();
    if (!tokens_.accept_operator("=")) return captured(targets);
    Expression value = parse_expression(tokens_);
    end();
    return [targets, value](Scope& scope) { assign(scope, targets, value.evaluate(scope)); };
  }

  // {% set x %} text {% endset %}
  Action captured(const std::vector<std::string>& targets) {
    end();
    Block body = until({"endset"});
    tokens_.expect_name();
    end();
    return [targets, body](Scope& scope) {
      std::string outer;
      outer.swap(scope.out);
      run(body, scope);
      outer.swap(scope.out);
      assign(scope, targets, Value(std::move(outer)));
    };
  }

  Action member_assignment() {
    const std::string space = tokens_.expect_name();
    tokens_.take();
    const std::string member = tokens_.expect_name();
    tokens_.expect(Kind::kOperator, "=");
    Expression value = parse_expression(tokens_);
    end();
    return [space, member, value](Scope& scope) {
      scope.set_member(space, member, value.evaluate(scope));
    };
  }

  std::vector<std::string> names() {
    const bool bracket = tokens_.accept_operator("(");
    std::vector<std::string> all{tokens_.expect_name()};
    while (tokens_.accept_operator(",")) all.push_back(tokens_.expect_name());
    if (bracket) tokens_.expect(Kind::kOperator, ")");
    tokens_.assigned.insert(all.begin(), all.end());
    return all;
  }

  void end() { tokens_.expect(Kind::kEndStatement, ""); }

  Tokens& tokens_;
  int loops_ = 0;  // around what is being read
};

}  // namespace
}  // namespace jinja

struct Jinja::Program {
  std::string where;
  JinjaDialect dialect;
  jinja::Block block;
  Mentions mentions;
};

Jinja::Jinja(std::string_view source, std::string where, JinjaDialect dialect) {
  jinja::Tokens tokens(jinja::tokenize(source, where, dialect), where, dialect);
  jinja::Block block = jinja::TemplateParser(tokens).whole();
  Mentions mentions{{}, std::move(tokens.members), std::move(tokens.strings), std::move(tokens.bounds)};
  for (const char* given : {"loop", "true", "True", "false", "False", "none", "None"})
    tokens.assigned.insert(given);
  std::set_difference(tokens.variables.begin(), tokens.variables.end(), tokens.assigned.begin(),
                      tokens.assigned.end(),
                      std::inserter(mentions.columns, mentions.columns.end()));
  program_ = std::make_shared<const Program>(
      Program{std::move(where), dialect, std::move(block), std::move(mentions)});
}

const Mentions& Jinja::mentions() const { return program_->mentions; }

std::string Jinja::render(const Value& fields, const std::string& fields_where) const {
  jinja::Scope scope(fields, fields_where, program_->where, program_->dialect);
  jinja::run(program_->block, scope);
  return std::move(scope.out);
}

bool Jinja::has_markup(std::string_view text) {
  return text.find("{{") != text.npos || text.find("{%") != text.npos ||
         text.find("{#") != text.npos;
}

}  // namespace evalharness
