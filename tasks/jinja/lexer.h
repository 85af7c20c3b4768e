// A template cut into tokens.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/jinja/jinja.h"

namespace evalharness::jinja {

struct Token {
  enum class Kind {
    kData,
    kBeginOutput,
    kEndOutput,
    kBeginStatement,
    kEndStatement,
    kName,
    kInteger,
    kFloat,
    kString,
    kOperator,
    kEnd
  };
  Kind kind = Kind::kEnd;
  std::string text;  // of a string: its meaning, without the quotes
  bool is(Kind k, std::string_view t) const { return kind == k && text == t; }
};

// Whitespace control is done here: data comes out stripped as - beside a delimiter asks. Comments
// are gone, raw blocks are data. `where` goes before the text of errors.
std::vector<Token> tokenize(std::string_view source, const std::string& where,
                            JinjaDialect dialect);

// Reads tokens one after the other.
class Tokens {
 public:
  Tokens(std::vector<Token> tokens, std::string where, JinjaDialect which = JinjaDialect::kTask);

  const Token& peek(size_t ahead = 0) const;  // past the end: the end token
  Token take();
  bool accept(Token::Kind kind, std::string_view text);
  bool accept_operator(std::string_view text) { return accept(Token::Kind::kOperator, text); }
  bool accept_name(std::string_view text) { return accept(Token::Kind::kName, text); }
  void expect(Token::Kind kind, std::string_view text);  // text "": any of the kind
  std::string expect_name();
  // "<where>: expected X, got Y".
  [[noreturn]] void fail_expected(std::string_view what) const;
  [[noreturn]] void fail(const std::string& text) const;

  const JinjaDialect dialect;
  std::set<std::string> macros;  // that the template defines anywhere: one may call another that follows it
  // Noted by whoever reads them.
  std::set<std::string> variables, assigned, members, strings, bounds;

 private:
  std::vector<Token> tokens_;  // the last one is kEnd
  std::string where_;
  size_t at_ = 0;
};

}  // namespace evalharness::jinja
