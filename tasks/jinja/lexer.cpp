#include "tasks/jinja/lexer.h"

#include <cctype>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

using Kind = Token::Kind;

bool is_name_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where, bool trims)
      : source_(source), where_(where), trims_(trims) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t markup = next_markup();
      data(source_.substr(at_, markup - at_), markup);
      at_ = markup;
      if (at_ < source_.size()) read_markup();
    }
    tokens_.push_back({Kind::kEnd, ""});
    return std::move(tokens_);
  }

 private:
  size_t next_markup() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i)
      if (source_[i] == '{' &&
          std::string_view("{%#").find(source_[i + 1]) != std::string_view::npos)
        return i;
    return source_.size();
  }

  void data(std::string_view piece, size_t markup) {
    std::string text(piece);
    if (strip_next_) text = lstrip(text);
    strip_next_ = false;
    const char sign = markup + 2 < source_.size() ? source_[markup + 2] : ' ';
    if (sign == '-') text = rstrip(text);
    const bool statement = markup < source_.size() && source_[markup + 1] != '{';
    if (trims_ && statement && sign != '-' && sign != '+') drop_indent(text);
    if (!text.empty()) tokens_.push_back({Kind::kData, std::move(text)});
  }

  // Blanks that are all that stands on the line before a statement.
  void drop_indent(std::string& text) const {
    const size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
    if ((line > 0 || at_line_start_) && is_blank(text.substr(line))) text.resize(line);
  }

  // Behind a statement or comment whose closing sign is `sign`.
  void drop_line_break(char sign) {
    at_line_start_ = trims_ && sign != '+' && sign != '-' && at_ < source_.size() && source_[at_] == '\n';
    at_ += at_line_start_;
  }

  void read_markup() {
    const char kind = source_[at_ + 1];
    at_ += 2;
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) ++at_;
    if (kind == '#') return skip_comment();
    if (kind == '%' && read_raw()) return;
    tokens_.push_back({kind == '{' ? Kind::kBeginOutput : Kind::kBeginStatement, ""});
    const std::string close = kind == '{' ? "}}" : "%}";
    while (!read_end(close)) read_token();
    if (kind == '%')
      drop_line_break(source_[at_ - 3]);
    else
      at_line_start_ = false;
    tokens_.push_back({kind == '{' ? Kind::kEndOutput : Kind::kEndStatement, ""});
  }

  void skip_comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) fail(cat(where_, ": comment without an end"));
    strip_next_ = source_[end - 1] == '-';
    at_ = end + 2;
    drop_line_break(source_[end - 1]);
  }

  // The end of a markup, at most in no bracket: a map's own braces are not it.
  bool read_end(std::string_view close) {
    skip_space();
    if (at_ == source_.size())
      fail(cat(where_, ": expected '", close, "', got the end of the template"));
    if (depth_ > 0) return false;
    const bool sign = source_[at_] == '-' || source_[at_] == '+';
    if (source_.substr(at_ + sign, 2) != close) return false;
    strip_next_ = source_[at_] == '-';
    at_ += 2 + static_cast<size_t>(sign);
    return true;
  }

  bool read_raw() {
    size_t at = at_;
    if (!tag("raw", at)) return false;
    const bool strip_start = source_[at - 3] == '-';
    for (size_t end = at; (end = source_.find("{%", end)) != std::string_view::npos; end += 2) {
      size_t after = end + 2;
      const bool strip_end = after < source_.size() && source_[after] == '-';
      if (strip_end) ++after;
      if (!tag("endraw", after)) continue;
      std::string text(source_.substr(at, end - at));
      if (strip_start) text = lstrip(text);
      if (strip_end) text = rstrip(text);
      tokens_.push_back({Kind::kData, std::move(text)});
      strip_next_ = source_[after - 3] == '-';
      at_ = after;
      drop_line_break(source_[after - 3]);
      return true;
    }
    fail(cat(where_, ": raw without endraw"));
  }

  // A statement of one word; moves `at` behind its %}.
  bool tag(std::string_view word, size_t& at) const {
    size_t i = at;
    const auto space = [&] {
      while (i < source_.size() && std::isspace(static_cast<unsigned char>(source_[i]))) ++i;
    };
    space();
    if (source_.substr(i, word.size()) != word) return false;
    i += word.size();
    space();
    if (i < source_.size() && source_[i] == '-') ++i;
    if (source_.substr(i, 2) != "%}") return false;
    at = i + 2;
    return true;
  }

  void read_token() {
    const char c = source_[at_];
    if (c == '\'' || c == '"') return read_string();
    if (is_digit(c)) return read_number();
    if (is_name_byte(c)) {
      size_t end = at_;
      while (end < source_.size() && is_name_byte(source_[end])) ++end;
      return push(Kind::kName, end - at_);
    }
    for (std::string_view two : {"**", "//", "==", "!=", "<=", ">="})
      if (source_.substr(at_, 2) == two) return push(Kind::kOperator, 2);
    if (std::string_view("+-*/%~<>=()[]{},.:|").find(c) == std::string_view::npos)
      fail(cat(where_, ": unexpected character '", c, "'"));
    depth_ += c == '(' || c == '[' || c == '{';
    depth_ -= c == ')' || c == ']' || c == '}';
    push(Kind::kOperator, 1);
  }

  void push(Kind kind, size_t length) {
    tokens_.push_back({kind, std::string(source_.substr(at_, length))});
    at_ += length;
  }

  void read_string() {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != source_[at_])
      end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail(cat(where_, ": string without an end"));
    // A line break inside a Jinja string is part of it; in a Python literal it must be escaped.
    const std::string quoted =
        replace_all(std::string(source_.substr(at_, end + 1 - at_)), "\n", "\\n");
    const std::optional<Value> meaning = python::literal(quoted);
    if (!meaning) fail(cat(where_, ": bad escape in string ", quoted));
    tokens_.push_back({Kind::kString, meaning->string()});
    at_ = end + 1;
  }

  void read_number() {
    size_t end = at_;
    while (end < source_.size() && is_digit(source_[end])) ++end;
    bool fraction = false;
    // "1.5", but "row.0.name" and "x[1].y" have no fraction: a digit must follow the point.
    const bool after_point = !tokens_.empty() && tokens_.back().is(Kind::kOperator, ".");
    if (!after_point && end + 1 < source_.size() && source_[end] == '.' &&
        is_digit(source_[end + 1])) {
      fraction = true;
      for (++end; end < source_.size() && is_digit(source_[end]);) ++end;
    }
    push(fraction ? Kind::kFloat : Kind::kInteger, end - at_);
  }

  void skip_space() {
    while (at_ < source_.size() && std::isspace(static_cast<unsigned char>(source_[at_]))) ++at_;
  }

  std::string_view source_;
  const std::string& where_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;  // of brackets
  bool strip_next_ = false;
  bool trims_;                 // drops line breaks behind statements, and blanks before them
  bool at_line_start_ = true;  // what comes begins a line
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, const std::string& where,
                            JinjaDialect dialect) {
  const bool is_chat = dialect == JinjaDialect::kChat;
  std::string lines = replace_all(replace_all(std::string(source), "\r\n", "\n"), "\r", "\n");
  if (is_chat && lines.ends_with('\n')) lines.pop_back();
  return Lexer(lines, where, is_chat).run();
}

Tokens::Tokens(std::vector<Token> tokens, std::string where, JinjaDialect which)
    : dialect(which), tokens_(std::move(tokens)), where_(std::move(where)) {
  for (size_t i = 0; i + 2 < tokens_.size(); ++i)
    if (tokens_[i].kind == Kind::kBeginStatement && tokens_[i + 1].is(Kind::kName, "macro"))
      macros.insert(tokens_[i + 2].text);
}

const Token& Tokens::peek(size_t ahead) const {
  return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : tokens_.back();
}

Token Tokens::take() {
  const Token token = peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Tokens::accept(Kind kind, std::string_view text) {
  if (!peek().is(kind, text)) return false;
  take();
  return true;
}

void Tokens::expect(Kind kind, std::string_view text) {
  if (peek().kind != kind || (!text.empty() && peek().text != text)) {
    const std::string_view names[] = {"text",     "'{{'",        "'}}'",     "'{%'",
                                      "'%}'",     "a name",      "a number", "a number",
                                      "a string", "an operator", "the end"};
    fail_expected(text.empty() ? std::string(names[static_cast<size_t>(kind)])
                               : cat("'", text, "'"));
  }
  take();
}

std::string Tokens::expect_name() {
  if (peek().kind != Kind::kName) fail_expected("a name");
  return take().text;
}

void Tokens::fail_expected(std::string_view what) const {
  const Token& token = peek();
  const std::string got = token.kind == Kind::kEnd            ? "the end of the template"
                          : token.kind == Kind::kEndOutput    ? "'}}'"
                          : token.kind == Kind::kEndStatement ? "'%}'"
                                                              : cat("'", token.text, "'");
  fail(cat("expected ", what, ", got ", got));
}

void Tokens::fail(const std::string& text) const { evalharness::fail(cat(where_, ": ", text)); }

}  // namespace evalharness::jinja
