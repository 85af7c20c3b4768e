#include "datasets/loaders.h"

#include <algorithm>
#include <functional>
#include <map>

#include "datasets/shots.h"
#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::string place(const std::string& name, size_t line) { return cat(name, ":", line); }

// Lines with their newline, as Python iterates over a text file (CRLF and CR are line ends too
// there, but no file in use has them, so they stay in the line).
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

void check_utf8(std::string_view text, const std::string& name) {
  if (is_valid_utf8(text)) return;
  const std::vector<std::string_view> lines = lines_of(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_valid_utf8(lines[i])) fail(cat(place(name, i + 1), ": text is not UTF-8"));
  }
  fail(cat(name, ": text is not UTF-8"));
}

Document one_field(std::string field, std::string text, std::string where) {
  return {Value::Map{{std::move(field), Value(std::move(text))}}, std::move(where)};
}

std::vector<Document> json_lines(std::string_view text, const std::string& name) {
  std::vector<Document> documents;
  const std::vector<std::string_view> lines = lines_of(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_blank(lines[i])) documents.push_back(Document::parse(lines[i], place(name, i + 1)));
  }
  return documents;
}

std::vector<Document> json_list(std::string_view text, const std::string& name) {
  const Value whole = parse_json(text, name);
  const Value* rows = whole.is_map() ? whole.find("examples") : &whole;
  if (rows == nullptr || !rows->is_list()) {
    fail(cat(name, ": expected a list of rows or an object with a list 'examples'"));
  }
  std::vector<Document> documents;
  for (const Value& row : rows->list()) {
    const std::string where = cat(name, "[", documents.size(), "]");
    if (!row.is_map()) fail(cat(where, ": expected an object, got ", row.type_name()));
    documents.emplace_back(row, where);
  }
  return documents;
}

std::vector<Document> bigbench(std::string_view text, const std::string& name) {
  std::vector<Document> documents;
  for (const Document& row : json_list(text, name)) {
    Value::List choices, scores;
    const Value& targets = row.at("target_scores");
    if (!targets.is_map()) fail(cat(row.where(), ": target_scores: expected an object"));
    for (const auto& [choice, score] : targets.map()) {
      choices.emplace_back(choice);
      scores.push_back(score);
    }
    Value fields;
    fields.set("idx", documents.size());
    fields.set("inputs", cat("Q: ", row.string("input"), "\nA:"));
    fields.set("targets", Value::List{row.has("target") ? row.at("target") : Value("")});
    fields.set("multiple_choice_targets", std::move(choices));
    fields.set("multiple_choice_scores", std::move(scores));
    documents.emplace_back(std::move(fields), row.where());
  }
  return documents;
}

// One record of a CSV file, RFC 4180: a value in quotes may hold separators, newlines and "" for a
// quote.
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  bool done() const { return at_ == text_.size(); }
  size_t line() const { return line_; }

  std::vector<std::string> record() {
    std::vector<std::string> values(1);
    const size_t first_line = line_;
    bool quoted = false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (quoted) {
        if (c != '"') {
          values.back() += c;
        } else if (at_ < text_.size() && text_[at_] == '"') {
          values.back() += text_[at_++];
        } else {
          quoted = false;
        }
      } else if (c == '"' && values.back().empty()) {
        quoted = true;
      } else if (c == ',') {
        values.emplace_back();
      } else if (c == '\n') {
        return values;
      } else if (c != '\r') {
        values.back() += c;
      }
    }
    if (quoted) fail(cat(place(name_, first_line), ": a quote is not closed"));
    return values;
  }

 private:
  std::string_view text_;
  std::string name_;
  size_t at_ = 0;
  size_t line_ = 1;
};

std::vector<Document> csv(std::string_view text, const std::string& name) {
  std::vector<Document> documents;
  CsvReader reader(text, name);
  if (reader.done()) return documents;
  const std::vector<std::string> columns = reader.record();
  while (!reader.done()) {
    const std::string where = place(name, reader.line());
    std::vector<std::string> values = reader.record();
    if (values.size() == 1 && values[0].empty()) continue;
    if (values.size() != columns.size()) {
      fail(cat(where, ": expected ", columns.size(), " values, got ", values.size()));
    }
    Value row{Value::Map{}};
    for (size_t i = 0; i < columns.size(); ++i) row.set(columns[i], std::move(values[i]));
    documents.emplace_back(std::move(row), where);
  }
  return documents;
}

std::vector<Document> text_lines(std::string_view text, const std::string& name) {
  std::vector<Document> documents;
  for (const std::string_view line : lines_of(text)) {
    documents.push_back(one_field("text", strip(line), place(name, documents.size() + 1)));
  }
  return documents;
}

std::vector<Document> text_whole(std::string_view text, const std::string& name) {
  return {one_field("text", std::string(text), place(name, 1))};
}

std::vector<Document> wikitext_rows(std::string_view text, const std::string& name) {
  std::vector<Document> documents;
  for (const std::string_view line : lines_of(text)) {
    documents.push_back(one_field("text", is_blank(line) ? "" : std::string(line),
                                  place(name, documents.size() + 1)));
  }
  return documents;
}

// " = Title = " but not " = = Section = = ": the test of wikitext_document_level, which first makes
// the deeper headings unlike a title.
bool is_title(std::string_view line) {
  const std::string marked = replace_all(std::string(line), "= = =", "===");
  const std::string heading = strip(replace_all(marked, "= =", "=="));
  return heading.starts_with("= ") && heading.ends_with(" =");
}

std::vector<Document> wikitext_pages(std::string_view text, const std::string& name) {
  std::vector<Document> documents;
  const std::vector<std::string> lines = split(text, "\n");
  size_t first = 0;  // line of the page's start
  const auto end_page = [&](size_t end, bool last) {
    const std::string page = join(std::span(lines).subspan(first, end - first), "\n");
    if (last || !is_blank(page))
      documents.push_back(one_field("page", page, place(name, first + 1)));
    first = end;
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    if (is_title(lines[i])) end_page(i, false);
  }
  end_page(lines.size(), true);
  return documents;
}

using Parser = std::function<std::vector<Document>(std::string_view, const std::string&)>;

const std::map<std::string, Parser>& parsers() {
  static const std::map<std::string, Parser> table = {{"jsonl", json_lines},
                                                      {"json", json_list},
                                                      {"bigbench", bigbench},
                                                      {"bbh-cot-prompt", bbh_cot_prompt},
                                                      {"lm-eval-samples", lm_eval_samples},
                                                      {"csv", csv},
                                                      {"text-lines", text_lines},
                                                      {"text-whole", text_whole},
                                                      {"wikitext-rows", wikitext_rows},
                                                      {"wikitext-pages", wikitext_pages}};
  return table;
}

}  // namespace

const std::vector<std::string>& data_formats() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, parser] : parsers()) all.push_back(name);
    return all;
  }();
  return names;
}

std::vector<Document> parse_rows(std::string_view text, const std::string& format,
                                 const std::string& name) {
  check_utf8(text, name);
  const auto parser = parsers().find(format);
  EH_ASSERT(parser != parsers().end());
  return parser->second(text, name);
}

}  // namespace evalharness
