#include "tasks/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <functional>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness {

struct Regex::Program {
  std::string pattern, where;
  pcre2_code* code = nullptr;
  uint32_t groups = 0;
  ~Program() { pcre2_code_free(code); }
};

namespace {

// What Python writes otherwise than PCRE2: \Z (the very end) is \z, \uXXXX is \x{XXXX}, and {,n} is
// {0,n}.
std::string translate(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '\\' && next == 'Z') {
      out += "\\z";
      ++i;
    } else if (c == '\\' && (next == 'u' || next == 'U')) {
      const size_t digits = next == 'u' ? 4 : 8;
      out += cat("\\x{", pattern.substr(i + 2, digits), "}");
      i += 1 + digits;
    } else if (c == '\\') {
      (out += c) += next;
      ++i;
    } else if (c == '{' && next == ',') {
      out += "{0";
    } else {
      out += c;
    }
  }
  return out;
}

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

struct Match {
  const PCRE2_SIZE* bounds;  // start and end of the whole match, then of each group
  uint32_t groups;
  std::string_view text;

  std::string group(uint32_t i) const {
    if (bounds[2 * i] == PCRE2_UNSET) return "";
    return std::string(text.substr(bounds[2 * i], bounds[2 * i + 1] - bounds[2 * i]));
  }
};

// Calls visit for each match from left to right until it returns false. As in Python, an empty
// match may touch the end of the match before it, and none is found twice.
void for_each_match(const pcre2_code* code, uint32_t groups, std::string_view text,
                    const std::string& where, const std::function<bool(const Match&)>& visit) {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free);
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  uint32_t options = 0;
  for (size_t at = 0; at <= text.size();) {
    const int found = pcre2_match(code, subject, text.size(), at, options, data.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found < 0) fail(cat(where, ": pattern could not be applied: ", message_of(found)));
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
    if (!visit({bounds, groups, text})) return;
    options = bounds[0] == bounds[1] ? PCRE2_NOTEMPTY_ATSTART : 0;
    at = bounds[1];
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Regex::Regex(const std::string& pattern, const std::string& where) {
  auto program = std::make_shared<Program>();
  program->pattern = pattern;
  program->where = where;
  const std::string translated = translate(pattern);
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);  // what . leaves out
  int error = 0;
  PCRE2_SIZE offset = 0;
  program->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                PCRE2_UTF | PCRE2_UCP, &error, &offset, context);
  pcre2_compile_context_free(context);
  if (!program->code) fail(cat(where, ": bad pattern '", pattern, "': ", message_of(error)));
  pcre2_pattern_info(program->code, PCRE2_INFO_CAPTURECOUNT, &program->groups);
  program_ = std::move(program);
}

std::vector<std::vector<std::string>> Regex::find_all(std::string_view text) const {
  const std::string valid = python::valid_text(text);
  std::vector<std::vector<std::string>> all;
  for_each_match(program_->code, program_->groups, valid, program_->where, [&](const Match& match) {
    std::vector<std::string>& groups = all.emplace_back();
    if (match.groups == 0) groups.push_back(match.group(0));
    for (uint32_t i = 1; i <= match.groups; ++i) groups.push_back(match.group(i));
    return true;
  });
  return all;
}

namespace {

std::string expand(const Match& match, std::string_view replacement, const pcre2_code* code,
                   const std::string& where) {
  std::string out;
  const auto group = [&](const std::string& name) {
    const int number = is_digit(name[0]) ? std::stoi(name)
                                         : pcre2_substring_number_from_name(
                                               code, reinterpret_cast<PCRE2_SPTR>(name.c_str()));
    if (number < 0 || static_cast<uint32_t>(number) > match.groups)
      fail(cat(where, ": no group '", name, "'"));
    out += match.group(static_cast<uint32_t>(number));
  };
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (replacement[i] != '\\' || next == '\0') {
      out += replacement[i];
    } else if (next == 'g' && replacement.find('>', i) != replacement.npos &&
               replacement.substr(i + 2, 1) == "<") {
      const size_t end = replacement.find('>', i);
      group(std::string(replacement.substr(i + 3, end - i - 3)));
      i = end;
    } else if (is_digit(next)) {
      const bool two = i + 2 < replacement.size() && is_digit(replacement[i + 2]);
      group(std::string(replacement.substr(i + 1, two ? 2 : 1)));
      i += two ? 2 : 1;
    } else {
      out += next == 'n' ? '\n' : next == 't' ? '\t' : next == 'r' ? '\r' : next;
      ++i;
    }
  }
  return out;
}

}  // namespace

std::string Regex::substitute(std::string_view text, std::string_view replacement,
                              size_t count) const {
  const std::string valid = python::valid_text(text);
  std::string out;
  size_t copied = 0, made = 0;
  for_each_match(program_->code, program_->groups, valid, program_->where, [&](const Match& match) {
    out += valid.substr(copied, match.bounds[0] - copied);
    out += expand(match, replacement, program_->code, program_->where);
    copied = match.bounds[1];
    return ++made != count;
  });
  return out + valid.substr(copied);
}

std::string Regex::escape(std::string_view text) {
  constexpr std::string_view kSpecial = "()[]{}?*+-|^$\\.&~# \t\n\r\v\f";
  std::string out;
  for (char c : text) {
    if (kSpecial.find(c) != kSpecial.npos) out += '\\';
    out += c;
  }
  return out;
}

const std::string& Regex::pattern() const { return program_->pattern; }

}  // namespace evalharness
